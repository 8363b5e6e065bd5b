"""LAr 2020: arrays, counts and chi2 against golden values and an oracle; options; bad input."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import norm
from support import helpers, oracle

from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.detector.quenching import PolynomialQuenching
from cevnsjax.experiments import EXPERIMENTS, lar_2020
from cevnsjax.experiments.releases.lar_2020.tables import shipped_lar_2020
from cevnsjax.interactions import StandardModel
from cevnsjax.model.model import Model

NAME = "lar-2020"
PULLS = ("alpha_sig_lar2020", "alpha_brn_lar2020", "alpha_lbrn_lar2020")


@cache
def model(**options):
    return Model(lar_2020(**options), [StandardModel("erler_su_printed")])


def signal(built):
    return {s: np.asarray(c) for s, c in built.by_component()[NAME]["signal"].items()}


def total(built):
    return sum(c.sum() for c in signal(built).values())


def built_as_described(x):
    """The default model, after comparing the golden entry's description with it."""
    e, default_model = x["experiment"], model()
    built = default_model.experiments[NAME]
    flux = built.flux
    assert (e["mass_kg"], e["target"]) == (built.mass_kg, "Ar40")
    assert (e["neutrinos_per_proton"], e["n_pot"], e["L_m"]) == (
        flux.neutrinos_per_proton,
        flux.protons_on_target,
        flux.baseline_m,
    )
    assert e["E_ee_edges_keV"] == built.edges.tolist()
    assert built.detector.resolution is None
    assert x["couplings"] == {"scheme": "erler_su_printed", "sin2_theta_w": 0.23857}
    radii = x["form_factor"]["radii"]["Ar40"]
    defaults = default_model.parameters.defaults()
    assert radii == {"R_p": defaults["R_p_Ar"], "R_n": defaults["R_n_Ar"]}
    return default_model


@pytest.mark.parametrize("entry", helpers.entries("lar_2020", "counts"))
def test_golden_counts(entry):
    by_source = signal(built_as_described(entry["inputs"]))
    source = entry["inputs"].get("source")
    value = by_source[source] if source else sum(by_source.values())
    helpers.check(value if np.ndim(entry["value"]) else value.sum(), entry)


@pytest.mark.parametrize("entry", helpers.entries("lar_2020", "chi2"))
def test_golden_chi2(entry):
    default_model = built_as_described(entry["inputs"])
    kind = default_model.nll if entry["id"].endswith("x1") else default_model.profiled_nll
    helpers.check(2 * float(kind()), entry)


def test_golden_arrays():
    rows, e = helpers.golden("lar_2020"), lar_2020()
    helpers.check(e.observed, rows["data.counts"])
    helpers.check(e.backgrounds["brn"], rows["background.prompt_497"])
    helpers.check(e.backgrounds["delayed_brn"], rows["background.delayed_33"])
    helpers.check(np.sqrt(e.variance), rows["sigma"])
    helpers.check(e.flux.fluence, rows["fluence"])
    assert e.backgrounds["brn"].sum() == pytest.approx(497, rel=1e-13)
    assert e.backgrounds["delayed_brn"].sum() == pytest.approx(33, rel=1e-13)


def test_golden_detector():
    rows, detector = helpers.golden("lar_2020"), lar_2020().detector
    helpers.check(detector.observable(np.array(0.02), {}, np), rows["E_ee.T20keV"])
    T = rows["T_nr.E_ee10keV"]["value"] * 1e-3
    assert detector.observable(T, {}, np) == pytest.approx(10.0, rel=1e-12)
    helpers.check(detector.efficiency(np.array(2.0), np), rows["efficiency.E_ee2keV"])


def test_every_golden_entry_is_used():
    used = ("counts", "chi2", "data", "background", "sigma", "fluence", "E_ee", "T_nr", "effic")
    assert all(name.startswith(used) for name in helpers.golden("lar_2020"))


@pytest.mark.parametrize(
    ("options", "events"),
    [
        ({}, 131.49),
        ({"mass_kg": 24.4, "protons_on_target": 13.8e22}, 134.66),
        ({"smearing": True}, 129.96),
    ],
    ids=str,
)
def test_totals(options, events):
    assert total(model(**options)) == pytest.approx(events, abs=0.005)


def _oracle(smearing, threshold, low):
    """Events per bin of an adaptive quadrature over recoil energy and reconstructed energy."""
    dsigma = oracle.standard_model("erler_su_printed", 0.23857, oracle.form_factor("helm"))
    table = shipped_lar_2020().efficiency
    x, y = table["energy_kevee"], table["efficiency"]

    def accept(n):
        return np.where(n < max(x[0], threshold), 0.0, np.interp(n, x, y))

    mean = lambda T: 1e3 * T * (0.246 + 0.78 * T)  # noqa: E731
    pdf = lambda n, T: norm.pdf(n, mean(T), 0.58 * np.sqrt(mean(T)))  # noqa: E731
    number = {oracle.AR: 24.0 * 1e3 * oracle.N_A / 39.948}
    fluence = oracle.fluence(0.09, 13.7e22, 27.5)
    cuts = (*x.tolist(), threshold)
    return oracle.counts(
        np.arange(0, 121, 10),
        dsigma,
        number,
        fluence,
        mean,
        smearing=pdf if smearing else None,
        accept=accept,
        cuts=cuts,
        T_low=low,
    )


@pytest.mark.parametrize("threshold", [None, 1.75])
def test_counts_against_oracle(threshold):
    """Without resolution; a cut at 1.75 keVee removes the recoils below it."""
    expected = _oracle(False, threshold or -1.0, 0.0)
    got = signal(model(threshold_kevee=threshold))
    assert helpers.worst_error(got, expected) < 1e-8


@pytest.mark.slow
def test_smeared_counts_against_oracle():
    assert helpers.worst_error(signal(model(smearing=True)), _oracle(True, -1.0, 1e-6)) < 1e-6


def test_options():
    """The signal scales with mass and protons; a pull of width 0 is removed; widths are used."""
    plain = total(model())
    assert total(model(mass_kg=12.0)) == pytest.approx(plain / 2, rel=1e-13)
    assert total(model(protons_on_target=2.74e23)) == pytest.approx(2 * plain, rel=1e-13)
    assert total(model(nodes=20)) == pytest.approx(plain, rel=1e-10)
    assert {p.name: p.sd for p in lar_2020().pulls} == dict(
        zip(PULLS, (0.134, 0.32, 1.0), strict=True)
    )
    assert [p.name for p in lar_2020(pulls={"brn": 0}).pulls] == [PULLS[0], PULLS[2]]
    assert lar_2020(pulls={"sig": 0.132}).pulls[0].sd == 0.132
    same = lar_2020(quenching=PolynomialQuenching((0.246, 0.78)), data=shipped_lar_2020())
    np.testing.assert_array_equal(
        sum(signal(Model(same)).values()), sum(signal(Model(lar_2020())).values())
    )
    assert EXPERIMENTS[NAME] is lar_2020


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mass_kg": 0.0}, "mass_kg must be > 0"),
        ({"mass_kg": float("nan")}, "mass_kg must be a finite number"),
        ({"protons_on_target": float("inf")}, "protons_on_target must be a finite number"),
        ({"pulls": {"sig": -0.1}}, "pull sig needs a standard deviation >= 0"),
        ({"threshold_kevee": float("nan")}, "threshold_kevee must be a finite number"),
        ({"pulls": {"sig": float("inf")}}, "pulls.sig must be a finite number"),
        ({"nodes": 0}, "nodes must be a whole number >= 1"),
    ],
    ids=str,
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        lar_2020(**options)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="lar-2020 pull 'brm'; did you mean brn"):
        lar_2020(pulls={"brm": 0.1})
    with pytest.raises(DataError):
        lar_2020(data="/nowhere/at/all")
