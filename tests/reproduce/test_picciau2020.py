"""Electromagnetic tables of the slides of 2020: what they rest on, and every row."""

from types import SimpleNamespace

import numpy as np
import pytest

from cevnsjax import analyses
from cevnsjax.analyses.picciau2020 import AveragedMoment
from cevnsjax.errors import InputError
from cevnsjax.inference.fit import fit
from cevnsjax.interactions import MagneticMoment
from cevnsjax.reproduce import picciau2020, picciau2020_em
from cevnsjax.reproduce.picciau2020_em import DATA, FIXED, FREE, RESOLVED, model_of, profile_of
from cevnsjax.reproduce.quantities import SIGMAS
from cevnsjax.reproduce.rows import published, rows_of

SLOW = pytest.mark.slow
TABLES = {f"{t.name}.{t.column}": t for t in (*FIXED, *FREE)}
STANDARD = ("sw2.", "Rn_Ar.", "LAr.", "coupling.", "r2_SM.")
MOMENTS = ("mu_nu_e", "mu_nu_mu")


def counts(model, experiment, values):
    (found,) = [p for name, p in model.predicted(values).items() if name == experiment]
    return np.asarray(sum(found["signal"].values()))


@pytest.mark.parametrize(
    ("name", "off", "tolerance"),
    [
        # 2 % of the interval, of which the row prints one end.
        ("radius.Ar.fixed.ee.3s.lo", 3.0, 0.02 * 166),
        ("radius.Ar.fixed.ee.3s.hi", 3.0, 0.02 * 166),
        # A lone upper end reaches down to 0.
        ("moment.Ar.fixed.e.3s.hi", 1.5, 0.02 * 85),
        ("sw2.Ar.3s.plus", 0.0, 0.01),
        ("Rn_Ar.3s_upper_fm", 0.0, 0.1),
    ],
)
def test_width_of_an_interval(name, off, tolerance):
    value = published("picciau2020")[f"picciau2020/{name}"].value
    (row,) = rows_of("picciau2020", {name: value + off}, {})
    assert row.tolerance == pytest.approx(tolerance)
    assert row.status == ("close" if off else "reproduced")


def test_tables_have_every_row(monkeypatch):
    """Names of rows come from the slides; nothing is computed here."""
    ends = [(-1.0, 0.5), (0.7, 2.0)]
    found = SimpleNamespace(intervals=dict.fromkeys(SIGMAS, ends))
    monkeypatch.setattr(picciau2020_em, "model_of", lambda *_: None)
    monkeypatch.setattr(picciau2020_em, "profile_of", lambda *_: found)
    rows = picciau2020.electromagnetic_rows(TABLES.values())
    names = {r.published.id.partition("/")[2] for r in rows}
    everything = {i.partition("/")[2] for i in published("picciau2020")}
    assert names == {n for n in everything if not n.startswith(STANDARD)}
    assert len(names) == len(rows) == 304
    assert {r.computed for r in rows if r.published.id.endswith(".lo")} == {-1.0}
    assert {r.computed for r in rows if r.published.id.endswith(".hi")} == {2.0}
    assert all(r.reason for r in rows)


def test_moments_averaged_over_sources():
    """On argon mu_e^2 + 2 mu_mu^2 times the mean spectrum; elsewhere as ever."""
    mean, own = (
        analyses.picciau2020(interactions=[build(*MOMENTS)])
        for build in (AveragedMoment, MagneticMoment)
    )
    points = [dict(zip(MOMENTS, x, strict=True)) for x in ((50 * 2**0.5, 0), (0, 50), (50, 50))]
    lar = [counts(mean, "lar-2020", p) for p in (*points, {})]
    np.testing.assert_allclose(lar[0], lar[1], rtol=1e-12)
    # Equal moments of all flavours: the mean changes nothing.
    np.testing.assert_allclose(lar[2], counts(own, "lar-2020", points[2]), rtol=1e-12)
    np.testing.assert_allclose(lar[2] - lar[3], 1.5 * (lar[1] - lar[3]), rtol=1e-10)
    assert np.max(np.abs(counts(own, "lar-2020", points[0]) - lar[0])) > 1
    for p in points:
        np.testing.assert_array_equal(*(counts(m, "csi-2017", p) for m in (mean, own)))


def test_one_skin_for_cesium_and_iodine():
    """R_n = R_p + dR_np, argon's radius apart."""
    free = analyses.picciau2020(radius="skin")
    assert "R_n_Cs" not in free.parameters
    assert free.parameters["alpha_sig_lar2020"].prior.sd == 0.132
    assert free.parameters["alpha_sig_csi2017"].prior.sd == 0.112
    fixed = analyses.picciau2020()
    tied = {"R_n_Cs": 4.804 + 0.7, "R_n_I": 4.749 + 0.7, "R_n_Ar": 3.9}
    for experiment in free.experiments:
        np.testing.assert_allclose(
            counts(free, experiment, {"dR_np": 0.7, "R_n_Ar": 3.9}),
            counts(fixed, experiment, tied),
            rtol=1e-12,
        )
    with pytest.raises(InputError, match="acts on CsI"):
        analyses.picciau2020("ar", radius="skin")


def test_moments_of_argon():
    """The quickest table, with the ratio sqrt2 of the printed limits."""
    rows = picciau2020.electromagnetic_rows([TABLES["moment.fixed"]], ["Ar"])
    assert {r.status for r in rows} <= {"reproduced", "close"}
    electron, muon = np.reshape([r.computed for r in rows], (2, 3))
    np.testing.assert_allclose(electron / muon, np.sqrt(2), rtol=1e-6)


@SLOW
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", TABLES)
def test_no_row_differs(name, data):
    rows = picciau2020.electromagnetic_rows([TABLES[name]], [data])
    good = ("reproduced", "close", "known differs")
    wrong = {r.published.id: (r.published.value, r.computed) for r in rows if r.status not in good}
    assert wrong == {}


CHECKED = [
    ("radius.fixed", "CsI", "r2_nu_ee"),
    ("radius.free", "CsI+Ar", "r2_nu_ee"),
    ("charge.fixed", "CsI+Ar", "q_nu_mumu"),
    ("charge.free", "Ar", "q_nu_etau"),
    ("moment.free", "CsI+Ar", "mu_nu_mu"),
]


@SLOW
@pytest.mark.parametrize(("name", "data", "parameter"), CHECKED)
def test_profiles_against_random_starts(name, data, parameter):
    """At the ends of every interval 50 random starts find nothing lower than the profile."""
    table = TABLES[name]
    model = model_of(table, data)
    found = profile_of(model, table, data, parameter)
    bounds = picciau2020_em.radii_of(table, data)
    for level, height in found.levels.items():
        for x in (found.intervals[level][0][0], found.intervals[level][-1][1]):
            again = fit(model, free=found.free, fixed={parameter: x}, bounds=bounds, starts=50)
            assert (
                again.chi2 > min(found.chi2_min + height, np.interp(x, found.x, found.chi2)) - 1e-4
            )


@SLOW
def test_ratio_of_the_reason():
    """Sources with their own spectra: 1.52-1.56 in place of sqrt2."""
    rows = picciau2020.electromagnetic_rows([RESOLVED], ["Ar"])
    electron, muon = np.reshape([r.computed for r in rows], (2, 3))
    assert np.min(electron / muon) == pytest.approx(1.52, abs=0.005)
    assert np.max(electron / muon) == pytest.approx(1.56, abs=0.005)


def test_main_prints_tables_and_conventions(capsys, monkeypatch):
    monkeypatch.setattr(picciau2020, "rows", lambda: [])
    monkeypatch.setattr(picciau2020, "electromagnetic_rows", lambda _: [])
    picciau2020.main()
    out = capsys.readouterr().out
    assert out.count("| row |") == 1 + len(TABLES)
    assert picciau2020_em.CONVENTIONS in out
