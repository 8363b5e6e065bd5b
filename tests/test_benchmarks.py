"""Both sides of every benchmark compute the same numbers; nothing is timed here."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import fit_rows
import pairs
import poisson_fits
import pyhf_fits
from timing import Disagreement, Pair

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
