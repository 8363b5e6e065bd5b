"""Options of the named analysis papoulias2020, and their unknown values."""

import math

import numpy as np
import pytest
from support import oracle

from cevnsjax import analyses
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.form_factors import Helm, KleinNystrand
from cevnsjax.parameters import Normal

SIG = "alpha_sig_csi2017"


@pytest.mark.parametrize(
    ("quenching", "events", "sd"), [("old", 174.075, 0.28), ("new", 156.372, 0.128)]
)
def test_quenching(quenching, events, sd):
    """Table I prints 174 and 158; COHERENT's published polynomial gives 156.4."""
    model = analyses.papoulias2020(quenching)
    signal = model.by_component()["csi-2017"]["signal"]
    assert sum(float(np.sum(c)) for c in signal.values()) == pytest.approx(events, abs=1e-3)
    assert model.parameters[SIG].prior == Normal(0.0, sd)
    assert model.parameters["alpha_brn_csi2017"].prior == Normal(0.0, 0.25)
    assert model.name == "papoulias2020"
    assert list(model.experiments) == ["csi-2017"]


def test_old_chi2_against_the_reference():
    """Signal of adaptive quadrature and chi2 of eq. 10 minimised numerically."""
    form = oracle.form_factor("klein_nystrand", r_A=1.20)
    dsigma = oracle.standard_model("pdg2018", 0.2382, form)
    edges, flux = np.arange(6, 31, 2), oracle.fluence(0.08, 1.76e23, 19.3)
    counts = oracle.counts(edges, dsigma, oracle.csi_targets(14.57), flux, "constant")
    data, variance = (oracle.C - oracle.AC)[:12], (oracle.C + oracle.AC + oracle.B_ON)[:12]
    expected, pulls = oracle.chi2(
        data, variance, sum(counts.values()), oracle.B_ON[:12], (0.28, 0.25)
    )
    model = analyses.papoulias2020("old")
    values = {"sin2_theta_w": 0.2382}
    assert 2 * float(model.profiled_nll(values)) == pytest.approx(expected, rel=1e-9)
    assert float(model.best_pulls(values)[SIG]) == pytest.approx(pulls[0], rel=1e-7)


def test_radius():
    fixed, free = analyses.papoulias2020(), analyses.papoulias2020(radius="free")
    assert "R_n" not in fixed.parameters
    assert free.parameters["R_n"].unit == "fm"
    assert fixed.interactions[0].form_factor == KleinNystrand(r_A=1.20)
    assert free.interactions[0].form_factor == Helm(s=0.9)
    assert free.interactions[0].couplings == fixed.interactions[0].couplings == "pdg2018"


@pytest.mark.parametrize("quenching", ["old", "new"])
def test_form_factor_error_is_taken_out_in_quadrature(quenching):
    full = {"old": 0.28, "new": 0.128}[quenching]
    less = math.sqrt(full**2 - 0.05**2)
    expected = {
        ("fixed", "auto"): full,
        ("fixed", "included"): full,
        ("fixed", "excluded"): less,
        ("free", "auto"): less,
        ("free", "included"): full,
        ("free", "excluded"): less,
    }
    for (radius, error), sd in expected.items():
        model = analyses.papoulias2020(quenching, radius=radius, form_factor_error=error)
        assert model.parameters[SIG].prior.sd == pytest.approx(sd, rel=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quenching": "older"}, "papoulias2020 quenching 'older'; did you mean old"),
        ({"quenching": "coherent2020"}, "known: new, old"),
        ({"radius": "frei"}, "papoulias2020 radius 'frei'; did you mean free"),
        ({"form_factor_error": "exclude"}, "did you mean excluded"),
    ],
)
def test_unknown_option_values(options, message):
    with pytest.raises(UnknownNameError, match=message):
        analyses.papoulias2020(**options)


def test_by_name():
    assert analyses.analysis("papoulias2020").parameters.defaults() == (
        analyses.papoulias2020().parameters.defaults()
    )
    old = analyses.analysis("papoulias2020", quenching="old")
    assert old.parameters[SIG].prior.sd == 0.28
    with pytest.raises(UnknownNameError, match="did you mean papoulias2020"):
        analyses.analysis("papoulias2002")


def test_naming_a_parameter_selects_a_variant():
    assert "R_n" in analyses.analysis("papoulias2020", named=["R_n"]).parameters
    assert "R_n" not in analyses.analysis("papoulias2020", named=["sin2_theta_w"]).parameters
    # Options of the caller override those that a parameter name implies.
    held = analyses.analysis("papoulias2020", named=["R_n"], radius="fixed")
    assert "R_n" not in held.parameters


@pytest.mark.parametrize("name", sorted(analyses.ANALYSES))
def test_every_analysis_builds_and_is_finite(name):
    model = analyses.analysis(name)
    assert model.name == name
    assert np.isfinite(float(model.profiled_nll()))
    assert name in analyses.__all__
