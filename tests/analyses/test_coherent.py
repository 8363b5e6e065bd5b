"""Options of the likelihoods of COHERENT and of Cadeddu et al."""

import math

import numpy as np
import pytest
from support import oracle

from cevnsjax import analyses
from cevnsjax.analyses.signal_strength import SignalShape, with_free_strength
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.detector.timing import Pulse
from cevnsjax.experiments import csi_2017
from cevnsjax.form_factors import KleinNystrand
from cevnsjax.parameters import Normal
from cevnsjax.reproduce.quantities import signal_events

CSI17, LAR, CSI21 = "alpha_sig_csi2017", "alpha_sig_lar2020", "alpha_sig_csi2021"
BRN = ("brn_energy", "brn_time", "brn_width")


def priors(model):
    return {n: p.prior for n, p in model.parameters.items() if p.kind == "nuisance"}


def test_coherent2017():
    model = analyses.coherent2017()
    (experiment,) = model.experiments.values()
    assert experiment.grid == (12, 24)
    assert experiment.observed.sum() == 855
    assert experiment.backgrounds["steady_state"].sum() == pytest.approx(703, rel=1e-12)
    assert model.interactions[0].form_factor == KleinNystrand(r_A=1.20)
    assert model.interactions[0].couplings == "pdg2018"
    found = priors(model)
    assert found[CSI17] is None
    assert found["alpha_brn_csi2017"] == Normal(0.0, 0.25)
    assert found["alpha_ss_csi2017"].sd == pytest.approx(1 / math.sqrt(703), rel=1e-12)
    assert signal_events(model) == pytest.approx(174.075, abs=1e-3)


def test_coherent2020_lar():
    release, computed = analyses.coherent2020_lar(), analyses.coherent2020_lar("computed")
    assert release.experiments["lar-2020"].morphs == ()
    assert signal_events(release) == pytest.approx(133.09, abs=0.01)
    assert signal_events(computed) == pytest.approx(119.36, abs=0.01)
    every = analyses.coherent2020_lar(morphs="all")
    names = [m.name for m in every.experiments["lar-2020"].morphs]
    assert names == [f"alpha_{n}_lar2020" for n in ("f90", "time", *BRN)]
    one = analyses.coherent2020_lar(morphs="f90").experiments["lar-2020"].morphs
    assert [m.name for m in one] == ["alpha_f90_lar2020"]
    assert priors(release)["alpha_brn_lar2020"].sd == pytest.approx(160 / 497, rel=1e-12)


def test_coherent2021():
    free, held = analyses.coherent2021(), analyses.coherent2021("constrained")
    assert priors(free)[CSI21] is None
    assert not free.parameters[CSI21].linear
    assert priors(held)[CSI21] == Normal(0.0, 0.12)
    assert held.parameters["sin2_theta_w"].free
    assert signal_events(free) == pytest.approx(325.7545, abs=1e-3)
    flux = analyses.coherent2021(pulse="flux", morphs="all")
    assert signal_events(flux) == pytest.approx(325.711, abs=1e-3)
    names = [m.name for m in flux.experiments["csi-2021"].morphs]
    assert names == [f"alpha_{n}_csi2021" for n in ("qf_1", "qf_2", "eff", "time")]
    edges = flux.experiments["csi-2021"].extra["t_us"]
    for model, width in ((free, 0.138139), (flux, 0.150)):
        expected = Pulse(0.472, width).fractions("nu_mu", edges)
        arrived = model.experiments["csi-2021"].spread["nu_mu"][0]
        # The pulses' own means differ by less than 0.1 ns.
        np.testing.assert_allclose(arrived[:4], expected[:4], rtol=2e-3)


def test_picciau2020():
    model = analyses.picciau2020()
    assert list(model.experiments) == ["csi-2017", "lar-2020"]
    csi, lar = model.experiments.values()
    assert (csi.mass_kg, lar.mass_kg) == (14.6, 24.0)
    found = {n: p.sd for n, p in priors(model).items()}
    assert found == {
        "qf_scale_csi2017": 0.051,
        CSI17: 0.112,
        "alpha_brn_csi2017": 0.25,
        LAR: 0.134,
        "alpha_brn_lar2020": 0.32,
        "alpha_lbrn_lar2020": 1.0,
    }
    radii = {"R_n_Cs": 5.01, "R_n_I": 4.94, "R_p_Ar": 3.448, "R_n_Ar": 3.548}
    defaults = model.parameters.defaults()
    assert {n: defaults[n] for n in radii} == radii
    assert signal_events(analyses.picciau2020("csi")) == pytest.approx(134.007, abs=1e-3)
    np.testing.assert_array_equal(csi.variance, (oracle.C + oracle.AC)[:12])


def test_variants_of_picciau2020():
    """The options of the electromagnetic tables: time cells, the threshold, a free radius."""
    model = analyses.picciau2020(statistic="time", threshold_kevee=1.75)
    csi, lar = model.experiments.values()
    assert csi.grid == (12, 12)
    assert csi.statistic == "poisson"
    assert priors(model)["alpha_ss_csi2017"].sd == 0.05
    assert priors(model)["qf_scale_csi2017"].sd == 0.051
    assert lar.detector.efficiency.threshold == 1.75
    assert np.isfinite(float(model.profiled_nll()))
    by_name = analyses.analysis("picciau2020", named=["R_n_Ar"], data="ar")
    assert priors(by_name)[LAR].sd == 0.132
    (radius,) = analyses.analysis("picciau2020", named=["r2_nu_ee"], data="ar").interactions[1:]
    assert radius.reading == "total"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("coherent2017", {"smearing": "poison"}, "smearing 'poison'; did you mean poisson"),
        ("coherent2017", {"smearing": "gamma"}, "known: none, poisson"),
        ("coherent2020_lar", {"signal": "compute"}, "did you mean computed"),
        ("coherent2020_lar", {"morphs": "f_90"}, "lar-2020 morph 'f_90'; did you mean f90"),
        ("coherent2020_lar", {"morphs": ["f90", "qf_1"]}, "known: all, brn_energy"),
        ("coherent2021", {"normalisation": "fre"}, "did you mean free"),
        ("coherent2021", {"pulse": "protons"}, "did you mean neutrons"),
        ("coherent2021", {"morphs": ("qf_3",)}, "did you mean qf_2 or qf_1"),
        ("picciau2020", {"data": "csi+lar"}, "did you mean csi.ar"),
        ("picciau2020", {"radius": "fix"}, "did you mean fixed"),
        ("picciau2020", {"statistic": "counting"}, "known: spectrum, time"),
    ],
)
def test_unknown_option_values(name, options, message):
    with pytest.raises(UnknownNameError, match=message):
        analyses.analysis(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("coherent2021", {"morphs": ["all", "time"]}, "'all' or names"),
        ("picciau2020", {"data": "csi", "threshold_kevee": 1.75}, "act on argon"),
        ("picciau2020", {"data": "csi", "radius": "free"}, "act on argon"),
        ("picciau2020", {"data": "ar", "statistic": "time"}, "acts on CsI"),
    ],
)
def test_options_that_do_not_go_together(name, options, message):
    with pytest.raises(InputError, match=message):
        analyses.analysis(name, **options)


def test_naming_the_weak_mixing_angle_constrains_the_normalisation():
    assert analyses.analysis("coherent2021", named=["sin2_theta_w"]).parameters[CSI21].linear
    assert not analyses.analysis("coherent2021", named=[CSI21]).parameters[CSI21].linear


def test_a_signal_without_a_pull_has_no_strength():
    with pytest.raises(InputError, match="no pull on its signal"):
        with_free_strength(csi_2017(pulls={"sig": 0}), SignalShape(), (), name="")
