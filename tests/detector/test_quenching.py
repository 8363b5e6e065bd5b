"""Quenching against golden values, published variations and scipy's spline; its derivative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from support import helpers

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.detector import quenching as q
from cevnsjax.experiments import csi_2017

T = np.array([1e-6, 0.002, 0.01, 0.02, 0.047])
# COHERENT 2020 (arXiv:2111.02477): nominal and +1 sigma coefficients in powers of T [MeV].
NOMINAL = np.array([0.0554628, 4.30681, -111.707, 840.384])
PLUS = np.array([[0.0613632, 3.51547, -85.5548, 595.562], [0.055413, 3.93597, -93.1045, 630.092]])
# PHYSICS section 4: the stand-in for the Chicago-3 curve.
PROXY = {0.25: 0.010152, 5.0: 0.061623, 13.0: 0.084877, 24.0: 0.090311, 55.0: 0.079687}


@pytest.mark.parametrize("entry", helpers.entries("detector", "n_pe"))
def test_golden(entry):
    """pe117 is 1.17 PE/keV by definition, the others go through 13.348 PE/keVee."""
    x = entry["inputs"]
    detector = csi_2017(x["quenching"]).detector
    helpers.check(detector.observable(x["T_nr_MeV"], {}, np), entry)


def test_csi_2021_golden(golden):
    helpers.check(q.coherent2020().E_ee(0.01, {}, np) * 1e3, golden("csi_2021")["E_ee.T10keV"])


def test_argon_golden(golden):
    """E_ee = T (0.246 + 7.8e-4 T/keV) as a polynomial in MeV."""
    argon = q.PolynomialQuenching((0.246, 0.78))
    helpers.check(argon.E_ee(0.02, {}, np) * 1e3, golden("lar_2020")["E_ee.T20keV"])
    T_keV = golden("lar_2020")["T_nr.E_ee10keV"]["value"]
    assert argon.E_ee(T_keV * 1e-3, {}, np) == pytest.approx(10e-3, rel=1e-12)


def test_published_variations():
    """One standard deviation of each variation lands on the published shifted polynomial."""
    model = q.coherent2020()
    powers = T[:, None] ** np.arange(1, 5)
    np.testing.assert_allclose(model.E_ee(T, {}, np), powers @ NOMINAL, rtol=1e-13)
    for k, plus in enumerate(PLUS, start=1):
        got = model.E_ee(T, {f"qf_{k}": 1.0}, np)
        np.testing.assert_allclose(got, powers @ plus, rtol=1e-12)
    shape = {"qf_scale": 1.1, "qf_1": -0.5, "qf_2": 2.0}
    mixed = 1.1 * (NOMINAL - 0.5 * (PLUS[0] - NOMINAL) + 2 * (PLUS[1] - NOMINAL))
    np.testing.assert_allclose(model.E_ee(T, shape, np), powers @ mixed, rtol=1e-12)


@pytest.mark.parametrize("name", q.CSI_QUENCHING)
@pytest.mark.parametrize("shape", [{}, {"qf_scale": 1.2}])
def test_slope_is_the_derivative(name, shape):
    model = q.csi_quenching(name)
    inner = T[(T > 3e-4)]
    slope = jax.vmap(jax.grad(lambda t: model.E_ee(t, shape, jnp)))(inner)
    for xp in (np, jnp):
        np.testing.assert_allclose(model.slope(xp.asarray(inner), shape, xp), slope, rtol=1e-11)


def test_proxy_is_the_spline_through_its_table():
    """Knots as documented; between them scipy's not-a-knot spline; constant factor outside."""
    model = q.c20_proxy()
    for T_keV, f in PROXY.items():
        assert model.E_ee(np.array(T_keV * 1e-3), {}, np) / (T_keV * 1e-3) == pytest.approx(f)
    spline = CubicSpline(model.T_nr, model.factor, bc_type="not-a-knot")
    x = np.linspace(3e-4, 0.0549, 300)
    np.testing.assert_allclose(model.E_ee(x, {}, np) / x, spline(x), rtol=1e-12)
    outside = np.array([1e-5, 0.06])
    got = model.E_ee(outside, {"qf_scale": 2.0}, np) / outside
    np.testing.assert_allclose(got, [2 * 0.010152, 2 * 0.079687], rtol=1e-9)


def test_a_number_is_a_constant_factor():
    assert q.csi_quenching(0.1).E_ee(0.01, {}, np) == pytest.approx(1e-3, rel=1e-15)
    assert q.csi_quenching(q.pe117()) == q.pe117()
    assert isinstance(q.pe117(), q.Quenching)


def test_parameters_of_a_model():
    parameters = q.quenching_parameters(q.coherent2020(), "x", 0.051)
    assert [p.name for p in parameters] == ["qf_scale_x", "qf_1_x", "qf_2_x"]
    assert [(p.default, p.prior.mean, p.prior.sd) for p in parameters] == [
        (1.0, 1.0, 0.051),
        (0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0),
    ]
    assert {p.kind for p in parameters} == {"nuisance"}
    assert not any(p.linear for p in parameters)
    assert [p.name for p in q.quenching_parameters(q.constant(), "x", 0.1)] == ["qf_scale_x"]


@pytest.mark.parametrize("factor", [0.0, -0.1, 1.5, float("nan")])
def test_bad_factor(factor):
    with pytest.raises(InputError, match=r"quenching factor must lie in \(0, 1\], got"):
        q.constant(factor)


def test_bad_tables():
    with pytest.raises(InputError, match=r"needs variations of the same length, got \[1\]"):
        q.PolynomialQuenching((0.1, 0.2), ((1.0,),))
    with pytest.raises(InputError, match="at least 4 points with one factor each, got 3"):
        q.TabulatedQuenching((1.0, 2.0, 3.0), (0.1, 0.1, 0.1))
    with pytest.raises(InputError, match="recoil energies must increase"):
        q.TabulatedQuenching((1.0, 3.0, 2.0, 4.0), (0.1, 0.1, 0.1, 0.1))
    with pytest.raises(InputError, match="outside is refused or constant, got 'linear'"):
        q.TabulatedQuenching((1.0, 2.0, 3.0, 4.0), (0.1, 0.1, 0.1, 0.1), outside="linear")


def test_unknown_model_offers_the_nearest():
    with pytest.raises(
        UnknownNameError, match="quenching 'coherent2021'; did you mean coherent2020"
    ):
        q.csi_quenching("coherent2021")
