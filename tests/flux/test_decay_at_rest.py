"""Stopped-pion fluence, spectra and moments against golden values and quadrature."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from support import helpers

from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import KINEMATICS, E_nu_min
from cevnsjax.cross_section import kernels
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import isotope

FLUX = DecayAtRest(0.08, 1.76e23, 19.3)
MASS = isotope("133Cs").mass


@pytest.mark.parametrize(
    ("file", "key"),
    [("constants", "fluence.csi_2017"), ("lar_2020", "fluence"), ("csi_2021", "fluence")],
)
def test_fluence(golden, file, key):
    entry = golden(file)[key]
    x = entry["inputs"]
    helpers.check(DecayAtRest(x["neutrinos_per_proton"], x["n_pot"], x["L_m"]).fluence, entry)


@pytest.mark.parametrize("entry", helpers.entries("flux", "moment"))
def test_golden_moment(entry):
    x = entry["inputs"]
    T = np.array([2 * x["E_min_MeV"] ** 2 / MASS])
    moments = FLUX.moments(T, MASS, "approximate", np)[x["source"]]
    helpers.check(moments[x["k"]][0], entry)


@pytest.mark.parametrize("entry", helpers.entries("flux", "spectrum"))
def test_golden_spectrum(entry):
    x = entry["inputs"]
    helpers.check(FLUX.spectrum(x["source"], x["E_nu_MeV"], np), entry)


@pytest.mark.parametrize("entry", helpers.entries("flux", "vector_kernel"))
def test_golden_kernel(entry):
    x = entry["inputs"]
    nucleus, T = isotope(helpers.ISOTOPES[x["nucleus"]]), np.array([x["T_nr_MeV"]])
    moments = FLUX.moments(T, nucleus.mass, x["kinematics"], np)
    kernel = kernels(T, nucleus, moments, x["kinematics"])["vector"][x["source"]]
    helpers.check(kernel[0], entry)


@pytest.mark.parametrize("source", ["nu_mu_bar", "nu_e"])
def test_spectrum_is_normalised_with_the_michel_mean(source):
    """<E> of nu_mu_bar is 7/20 m_mu, of nu_e 3/10 m_mu; nothing beyond m_mu/2 or below 0."""
    f = lambda E: float(FLUX.spectrum(source, E, np))  # noqa: E731
    assert quad(f, 0, c.m_mu / 2, epsabs=0, epsrel=1e-12)[0] == pytest.approx(1, rel=1e-13)
    mean = quad(lambda E: E * f(E), 0, c.m_mu / 2, epsabs=0, epsrel=1e-12)[0]
    assert mean / c.m_mu == pytest.approx({"nu_mu_bar": 0.35, "nu_e": 0.3}[source], rel=1e-13)
    assert (f(-1.0), f(0.0), f(c.m_mu / 2 * (1 + 1e-15)), f(60.0)) == (0, 0, 0, 0)


@pytest.mark.parametrize("kinematics", KINEMATICS)
@pytest.mark.parametrize("source", ["nu_mu_bar", "nu_e"])
def test_moments_against_mpmath(source, kinematics):
    """30-digit quadrature from T = 1 eV to the end point; near it to 1e-12 of the whole moment."""
    top = 2 * c.E_nu_michel_max**2 / MASS
    T = np.array([1e-6, 1e-4, 5e-3, 0.02, 0.04, 0.999 * top])
    got = FLUX.moments(T, MASS, kinematics, np)[source]
    a, b = {"nu_mu_bar": (48, 64), "nu_e": (96, 192)}[source]
    m = mpmath.mpf(c.m_mu)
    for i, E_min in enumerate(E_nu_min(T, MASS, kinematics, np)):
        for k in range(3):
            f = lambda E, k=k: (a * E**2 / m**3 - b * E**3 / m**4) / E**k  # noqa: E731
            with mpmath.workdps(30):
                expected = float(mpmath.quad(f, [mpmath.mpf(E_min), m / 2]))
            assert got[k][i] == pytest.approx(expected, rel=1e-12, abs=1e-12 * got[k][0])


@pytest.mark.parametrize("kinematics", KINEMATICS)
def test_moments_vanish_beyond_the_end_points(kinematics):
    beyond = 2 * np.array([c.E_nu_prompt, c.E_nu_michel_max]) ** 2 / MASS * 1.000001
    moments = FLUX.moments(beyond, MASS, kinematics, np)
    assert [float(m[0]) for m in moments["nu_mu"]] == [0.0] * 3
    assert all(float(moments[s][k][1]) == 0 for s in moments for k in range(3))


def test_prompt_line_is_a_step():
    T = 2 * c.E_nu_prompt**2 / MASS * np.array([1 - 1e-9, 1 + 1e-9])
    moments = FLUX.moments(T, MASS, "approximate", np)["nu_mu"]
    np.testing.assert_allclose(
        moments, [[1, 0], [1 / c.E_nu_prompt, 0], [1 / c.E_nu_prompt**2, 0]], rtol=1e-14
    )


def test_moments_traced_as_built_with_finite_slopes():
    T = np.array([1e-6, 1e-3, 0.0143, 0.03, 0.05])
    traced = jax.jit(lambda t: FLUX.moments(t, MASS, "exact", jnp))(T)
    for source, built in FLUX.moments(T, MASS, "exact", np).items():
        for a, b in zip(traced[source], built, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)
    slopes = jax.jacfwd(lambda t: FLUX.moments(t, MASS, "exact", jnp))(T)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slopes))


def test_slope_of_the_zeroth_moment_is_minus_the_spectrum():
    """dI_k/dE_min = -f(E_min)/E_min^k, by automatic differentiation through T."""
    T = 0.012
    E_min = np.sqrt(MASS * T / 2)
    dT_dE = 4 * E_min / MASS
    for source in ("nu_mu_bar", "nu_e"):
        for k in range(3):
            moment = lambda t, k=k, s=source: FLUX.moments(t, MASS, "approximate", jnp)[s][k]  # noqa: E731
            expected = -float(FLUX.spectrum(source, E_min, np)) / E_min**k
            assert float(jax.grad(moment)(T)) * dT_dE == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("field", ["neutrinos_per_proton", "protons_on_target", "baseline_m"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_bad_source(field, value):
    good = {"neutrinos_per_proton": 0.08, "protons_on_target": 1e23, "baseline_m": 19.3}
    with pytest.raises(InputError, match=f"{field} must be > 0, got"):
        DecayAtRest(**{**good, field: value})


def test_the_line_has_no_density():
    with pytest.raises(UnknownNameError, match=r"continuous source 'nu_mu'.*nu_mu_bar"):
        FLUX.spectrum("nu_mu", 20.0, np)
