"""Both sides of every benchmark compute the same numbers; speed is not tested here."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import contours
import fit_rows
import pairs
import poisson_fits
import posteriors
import pyhf_fits
import run
import scaling
import toys_fc
from timing import Disagreement, Pair, Row, Timing, as_dicts, from_dicts

GROUPS = {
    "single": pairs.single,
    "derivatives": pairs.derivatives,
    "scans": lambda model: pairs.scans(model, (12,)),
    "fits": pairs.fits,
}


@pytest.fixture(scope="module")
def model():
    return pairs.build()


@pytest.mark.parametrize("group", GROUPS)
def test_pairs_agree(model, group):
    for pair in GROUPS[group](model):
        assert pair.check() <= pair.rtol
        assert pair.rtol == 1e-8 or pair.why


@pytest.mark.parametrize("other", [1 + 1e-6, np.nan, [1.0, 1.0]])
def test_different_numbers_are_refused(other):
    pair = Pair("wrong", lambda _: 1.0, lambda _: other, [None], [None])
    with pytest.raises(Disagreement, match="wrong"):
        pair.check()


TINY = poisson_fits.Sizes(toys=3, rounds=1, slow=1, fast=2)


def require_agreement(rows):
    assert rows
    for row in rows:
        assert row.difference <= 1e-3
        assert row.failed == (0.0, 0.0)


def test_poisson_fits_agree():
    model = poisson_fits.build()
    likelihood = poisson_fits.peer.Likelihood(model)
    assert poisson_fits.require_equal(model, likelihood, count=3) <= 1e-6
    peers = poisson_fits.numpy_peers(likelihood)
    rows, _ = poisson_fits.many("toys", model, poisson_fits.peer.NAME, peers, TINY.toys, TINY)
    require_agreement(rows)
    printed = json.loads(json.dumps(fit_rows.as_dict(rows, [])))
    assert fit_rows.from_dict(printed) == (rows, [])
    assert all(f"| {row.what} |" in fit_rows.markdown(rows, []) for row in rows)


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
def test_pyhf_fits_agree():
    pytest.importorskip("pyhf")
    poisson_fits.build()
    model = pyhf_fits.build()
    peers = poisson_fits.pyhf_peers(model, ["numpy"])
    rows, _ = poisson_fits.many("toys", model, pyhf_fits.STRENGTH, peers, TINY.toys, TINY)
    require_agreement(rows)


def test_different_likelihoods_are_refused():
    model = poisson_fits.build()
    likelihood = poisson_fits.peer.Likelihood(model)
    likelihood.backgrounds *= 1 + 1e-6
    with pytest.raises(Disagreement, match="NumPy"):
        poisson_fits.require_equal(model, likelihood, count=1)


SMALL = contours.Sizes(
    plane=8,
    looped=3,
    mediator=6,
    four=3,
    profiled=3,
    minimised=2,
    nuisances=2,
    pyhf=1,
    file=30,
    curve=2,
    times=1,
)


@pytest.mark.slow
def test_contours_agree():
    for pair in contours.scans(SMALL):
        assert pair.check() <= pair.rtol
        assert pair.rtol == 1e-8 or pair.why


def test_contours_agree_with_iminuit():
    pytest.importorskip("iminuit")
    part = contours.minuit_loop(SMALL)
    assert part.pair.check() <= part.pair.rtol
    assert part.factor == pytest.approx(64 / 3)
    assert "(3 points, scaled)" in part.pair.what


@pytest.mark.slow
@pytest.mark.parametrize("part", [contours.profiled_scan, contours.interval_pair])
def test_profiled_contours_agree(part):
    assert part(SMALL).pair.check() <= 1e-6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
def test_contours_agree_with_pyhf():
    pytest.importorskip("pyhf")
    assert len(list(contours.beside_pyhf(SMALL))) == 2


@pytest.mark.slow
def test_scan_to_file_reports_its_peak_memory():
    row = contours.to_file(SMALL.file, 1)
    assert row.difference <= 1e-8
    assert min(row.peak_MiB) > 10
    assert "MiB" in run.cells(row)[0]


def test_only_the_time_of_the_other_side_is_scaled():
    part = contours.Part(Pair("half", lambda _: 1.0, lambda _: 1.0, [None], [None]), 1e6)
    assert part.measure(1e-3).ratio > 1e3


def test_rows_survive_json():
    clock = Timing(1.0, 0.5, 2.0, 3)
    rows = [Row("both", clock, clock, 1e-9, "why", (1.0, 2.0)), Row("alone", clock)]
    assert from_dicts(json.loads(json.dumps(as_dicts(rows)))) == rows


def test_posteriors_agree():
    assert posteriors.require_equal(posteriors.build()) <= 1e-8
    pair = posteriors.grids(posteriors.QUICK)
    assert pair.check() <= pair.rtol == 1e-8


@pytest.mark.slow
def test_sampled_posteriors_agree():
    pytest.importorskip("emcee")
    rows = list(posteriors.sampled(posteriors.Sizes(draws=2000, steps=8000, times=1)))
    assert len(rows) == 4
    assert all(row.difference <= 0.1 and row.cevnsjax and row.numpy for row in rows)


def test_toys_agree():
    ours, theirs = toys_fc.csi_2017(2048)
    above = ours() - theirs()
    assert -1e-8 < above.min() <= above.max() < 0.05


def test_scaling_table():
    """Half the time on two devices is an efficiency of 100 %; four devices are counted as four."""
    text = scaling.markdown((1, 2), {"scan": [2.0, 1.0], "toys": [3.0, 3.0]}, {"cores": 2})
    assert "- cores: 2" in text
    assert "| 2 s | 1 s | 100 % |" in text
    assert "| 3 s | 3 s | 50 % |" in text
    assert scaling.markdown((1, 4), {"fc": [4.0, 2.0]}, {}).count("50 %") == 1
