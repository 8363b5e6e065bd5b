"""Form factors against golden values, their papers' formulas, and the limits q = 0, small R."""

import jax
import mpmath
import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.core.constants import hbar_c
from cevnsjax.core.errors import InputError
from cevnsjax.form_factors import (
    FORM_FACTORS,
    NEAR,
    FormFactor,
    Helm,
    KleinNystrand,
    SymmetrizedFermi,
    is_near,
)
from cevnsjax.nuclei import isotope

FAMILIES = [Helm(), Helm(0.5, box="r_A"), KleinNystrand(), KleinNystrand(r_A=1.2)]
FAMILIES += [SymmetrizedFermi(), SymmetrizedFermi(0.3)]
FIRST_ZERO = 4.493409457909064  # of j1


def _radius(spec, nucleus):
    if "R_rms" in spec:
        return spec["R_rms"]
    if spec["family"] == "helm_r0":
        R_0 = spec["r_A"] * nucleus.A ** (1 / 3)
        return np.sqrt(0.6 * R_0**2 + 3 * spec["s"] ** 2)
    return helpers.family(spec).R_rms(nucleus.A)


@pytest.mark.parametrize("entry", helpers.entries("form_factors"))
def test_golden(entry):
    x = entry["inputs"]
    spec, nucleus = x["form_factor"], isotope(helpers.ISOTOPES[x.get("nucleus", "Cs133")])
    F = helpers.family(spec)
    if x.get("quantity") == "R_0":
        zero = (FIRST_ZERO / entry["value"] * hbar_c) ** 2
        amplitude = F(np.array([0.999, 1.0, 1.001]) * zero, _radius(spec, nucleus))
        assert abs(amplitude[1]) < 1e-9 * abs(amplitude[0])
        assert amplitude[0] > 0 > amplitude[2]
        return
    q = x["q_MeV"] if "q_MeV" in x else x["q_per_fm"] * hbar_c
    helpers.check(F(q**2, _radius(spec, nucleus)), entry)


@pytest.mark.parametrize("F", FAMILIES, ids=repr)
def test_is_one_at_rest_with_the_rms_slope(F):
    """F(0) = 1 and dF/dq2 = -R_rms^2/(6 (hbar c)^2): what an rms radius means."""
    for R in (max(F.R_min, 0.4), 3.0, 5.01, 12.0):
        value, slope = jax.value_and_grad(F)(0.0, R)
        assert value == pytest.approx(1.0, abs=1e-15)
        assert slope == pytest.approx(-(R**2) / 6 / hbar_c**2, rel=1e-12)


@pytest.mark.parametrize("F", FAMILIES, ids=repr)
def test_second_derivative_at_rest(F):
    """d2F/dq2^2 at q2 = 0 against a central difference of the amplitude in 80 digits.

    The witness is the textbook form, evaluated with mpmath on both sides of q2 = 0.
    """
    R = 4.7
    exact = jax.grad(jax.grad(F))(0.0, R) * hbar_c**4
    with mpmath.workdps(80):
        h = mpmath.mpf("1e-8")
        expected = float((_textbook(F, h, R) - 2 + _textbook(F, -h, R)) / h**2)
    assert exact == pytest.approx(expected, rel=1e-9)


def _textbook(F, k2, R):
    """The printed formula of the amplitude for complex k = sqrt(k2) [1/fm]."""
    k = mpmath.sqrt(k2)
    if isinstance(F, SymmetrizedFermi):
        c2 = 5 * mpmath.mpf(R) ** 2 / 3 - 7 * (mpmath.pi * F.a) ** 2 / 3
        x, y = k * mpmath.sqrt(c2), mpmath.pi * k * F.a
        bracket = y * mpmath.coth(y) * mpmath.sin(x) / x - mpmath.cos(x)
        return (3 / (x**2 + y**2) * y / mpmath.sinh(y) * bracket).real
    if isinstance(F, Helm):
        x, damping = _box(k, R, 3 * mpmath.mpf(F.s) ** 2), mpmath.exp(-k2 * F.s**2 / 2)
    else:
        x, damping = _box(k, R, 6 * mpmath.mpf(F.a_k) ** 2), 1 / (1 + k2 * F.a_k**2)
    return (3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3 * damping).real


def _box(k, R, subtracted):
    return k * mpmath.sqrt(mpmath.mpc(mpmath.mpf(5) / 3 * (mpmath.mpf(R) ** 2 - subtracted)))


@pytest.mark.parametrize("F", FAMILIES, ids=repr)
def test_amplitude_and_gradients_over_the_domain(F):
    """Agreement with the printed formula at complex arguments, also where R_0^2 < 0.

    q up to twice the greatest neutrino energy, radii from the family's least one (R = 0 for Helm
    and Klein-Nystrand) through R_0 = 0 (R = sqrt(3) s) to 12 fm.
    """
    q = np.array([1e-3, 5.0, 40.0, 80.0, 106.0])
    radii = np.array([F.R_min, F.R_min + 0.01, 1.0, 1.5588, 2.5, 4.9, 12.0])
    radii = radii[radii >= F.R_min]
    q2, R = (a.ravel() for a in np.meshgrid(q**2, radii))
    got = jax.jit(jax.vmap(F))(q2, R)
    with mpmath.workdps(40):
        expected = [
            float(_textbook(F, mpmath.mpf(a) / mpmath.mpf(hbar_c) ** 2, b + 1e-25))
            for a, b in zip(q2, R, strict=True)
        ]
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)
    for argnum in (0, 1):
        slope = jax.jit(jax.vmap(jax.grad(F, argnum)))(q2, R)
        curvature = jax.jit(jax.vmap(jax.grad(jax.grad(F, argnum), argnum)))(q2, R)
        assert np.all(np.isfinite(slope))
        assert np.all(np.isfinite(curvature))


@pytest.mark.parametrize("F", FAMILIES, ids=repr)
def test_near_leaves_out_only_what_is_not_needed(F):
    """Up to the product of q2 and R^2 that `is_near` allows, the series alone is accurate."""
    R = np.linspace(max(F.R_min, 0.1), 12.0, 25)
    q2 = 0.9999 * NEAR / (12.0 / hbar_c) ** 2
    assert is_near(q2, 12.0)
    assert not is_near(q2 * 1.001, 12.0)
    with mpmath.workdps(40):
        k2 = mpmath.mpf(q2) / mpmath.mpf(hbar_c) ** 2
        expected = [float(_textbook(F, k2, r + 1e-25)) for r in R]
    for near in (True, False):
        got = jax.vmap(lambda r, near=near: F(q2, r, near=near))(R)
        np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("A", [23, 40, 127, 133])
def test_radius_formulas_against_oracle(A):
    """R_rms(A) puts the family where its paper's own formula is, at several q."""
    q = np.array([0.05, 0.3, 0.55])
    q2 = (q * hbar_c) ** 2
    pairs = [
        (Helm(), oracle.helm_box(q, *oracle.helm_radius(A, "lewin_smith"))),
        (Helm(0.5, box="r_A"), oracle.helm_box(q, *oracle.helm_radius(A, "pk"))),
        (KleinNystrand(r_A=1.2), oracle.klein_nystrand(q, A)),
        (KleinNystrand(), oracle.klein_nystrand(q, A, r_A=1.23)),
        (SymmetrizedFermi(), oracle.symmetrized_fermi(q, A)),
    ]
    for F, expected in pairs:
        np.testing.assert_allclose(F(q2, F.R_rms(A)), expected, rtol=1e-11)


def test_families_by_name_satisfy_the_protocol():
    assert set(FORM_FACTORS) == {"helm", "klein_nystrand", "symmetrized_fermi"}
    assert all(isinstance(make(), FormFactor) for make in FORM_FACTORS.values())


@pytest.mark.parametrize(
    "make",
    [
        lambda: Helm(0.0),
        lambda: Helm(-0.9),
        lambda: Helm(float("nan")),
        lambda: Helm(r_A=0.0),
        lambda: KleinNystrand(a_k=0.0),
        lambda: KleinNystrand(r_A=-1.0),
        lambda: SymmetrizedFermi(0.0),
    ],
)
def test_constants_must_be_positive(make):
    with pytest.raises(InputError, match="must be > 0 fm, got"):
        make()


def test_unknown_box():
    with pytest.raises(InputError, match="'lewin-smith' is unknown; use 'lewin_smith' or 'r_A'"):
        Helm(box="lewin-smith")
