"""Moments by the entries of their matrices, against the matrices themselves and invariants."""

import jax
import numpy as np
import pytest

from cevnsjax import DiracMoment, MagneticMoment, MajoranaMoment, Model, StandardModel
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions.named_moments import DIRAC, LAMBDAS, PHASES
from cevnsjax.mixing import mixing_matrix

FLAVOURS = ("e", "mu", "tau")
# Lambda = (3, 2 e^(0.4 i), 1.5 e^(-1.1 i)) 1e-11 mu_B.
LAMBDA = np.array([3.0, 2.0 * np.exp(0.4j), 1.5 * np.exp(-1.1j)])
MAJORANA = dict(zip((*LAMBDAS, *PHASES), (*np.abs(LAMBDA), *np.angle(LAMBDA)), strict=True))
MU = np.array([[1.0, -0.5, 2.0], [0.3, 3.0, -1.0], [0.7, 0.2, -2.0]])
MOMENTS = dict(zip(DIRAC, MU.ravel(), strict=True))


def by_matrix(matrix, flavour):
    """Tr(lambda rho lambda^dagger) of a pure flavour."""
    rho = np.zeros((3, 3))
    rho[FLAVOURS.index(flavour), FLAVOURS.index(flavour)] = 1
    return np.trace(matrix @ rho @ matrix.conj().T).real


def test_moment_of_the_tau_neutrino():
    """(3^2 + 2^2) 1e-22 mu_B^2, mpmath."""
    assert float(MajoranaMoment().squared(MAJORANA, "tau")) == pytest.approx(13.0, rel=1e-14)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_majorana(flavour):
    """lambda_emu = Lambda_tau, lambda_etau = -Lambda_mu, lambda_mutau = Lambda_e, with phases."""
    e, mu, tau = LAMBDA
    matrix = np.array([[0, tau, -mu], [-tau, 0, e], [mu, -e, 0]])
    expected = by_matrix(matrix, flavour)
    for names in (LAMBDAS, (*LAMBDAS, *PHASES)):
        found = MajoranaMoment(*names).squared(MAJORANA, flavour)
        assert float(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_dirac(flavour):
    """nu_a is sum_k U_ak* nu_k: the matrix from flavours to mass states is mu U^dagger."""
    expected = by_matrix(MU @ mixing_matrix().conj().T, flavour)
    assert float(DiracMoment().squared(MOMENTS, flavour)) == pytest.approx(expected, rel=1e-14)
    column = DiracMoment("mu_nu_12", "mu_nu_32").squared(MOMENTS, flavour)
    here = abs(mixing_matrix()[FLAVOURS.index(flavour), 1]) ** 2
    assert float(column) == pytest.approx(here * (0.5**2 + 0.2**2), rel=1e-14)


def test_dirac_options_are_the_angles():
    """Without mixing a flavour is a mass state; the sum over flavours is the matrix squared."""
    none = dict.fromkeys(("theta12_deg", "theta13_deg", "theta23_deg", "delta_cp_deg"), 0.0)
    alone = [float(DiracMoment(**none).squared(MOMENTS, f)) for f in FLAVOURS]
    np.testing.assert_allclose(alone, np.sum(MU**2, axis=0), rtol=1e-14)
    mixed = [float(DiracMoment(theta23_deg=48.0).squared(MOMENTS, f)) for f in FLAVOURS]
    assert sum(mixed) == pytest.approx(np.sum(MU**2), rel=1e-14)
    assert not np.allclose(mixed, [float(DiracMoment().squared(MOMENTS, f)) for f in FLAVOURS])


def test_mixing_matrix():
    """Unitary; |U_e2|^2 = s12^2 c13^2; the Jarlskog invariant of the PDG."""
    U = mixing_matrix()
    np.testing.assert_allclose(U @ U.conj().T, np.eye(3), atol=1e-15)
    a, b, c, d = np.radians([33.68, 8.56, 43.3, 212.0])
    assert abs(U[0, 1]) ** 2 == pytest.approx((np.sin(a) * np.cos(b)) ** 2, rel=1e-14)
    assert abs(U[1, 2]) ** 2 == pytest.approx((np.sin(c) * np.cos(b)) ** 2, rel=1e-14)
    jarlskog = (U[0, 0] * U[1, 1] * U[0, 1].conj() * U[1, 0].conj()).imag
    angles = np.sin(2 * a) * np.sin(2 * b) * np.sin(2 * c) * np.cos(b) / 8
    assert jarlskog == pytest.approx(angles * np.sin(d), rel=1e-13)


def _model(*interactions):
    return Model(csi_2017(), [StandardModel(), *interactions])


def test_limits_are_effective_moments():
    """Lambda_tau alone acts on nu_e and nu_mu alike; so do equal moments of all mass states."""
    effective = float(_model(MagneticMoment()).nll({"mu_nu": 30.0}))
    assert float(_model(MajoranaMoment()).nll({"Lambda_tau": 30.0})) == pytest.approx(
        effective, rel=1e-13
    )
    diagonal = dict.fromkeys(("mu_nu_11", "mu_nu_22", "mu_nu_33"), 30.0)
    dirac = _model(DiracMoment(*diagonal))
    assert float(dirac.nll(diagonal)) == pytest.approx(effective, rel=1e-13)
    of_muons = float(_model(MagneticMoment("mu_nu_mu", "mu_nu_e")).nll({"mu_nu_mu": 30.0}))
    electron = {"Lambda_e": 30.0, "arg_Lambda_e": 1.0}
    model = _model(MajoranaMoment("arg_Lambda_e"))
    assert float(model.nll(electron)) == pytest.approx(of_muons, rel=1e-13)
    assert float(jax.grad(model.nll)(electron)["arg_Lambda_e"]) == 0


CASES = [
    (MajoranaMoment(), {"Lambda_e": 20.0, "Lambda_mu": 35.0, "Lambda_tau": 11.0}),
    (DiracMoment(), {name: 12.0 * x for name, x in MOMENTS.items()}),
]


@pytest.mark.parametrize(("interaction", "at"), CASES, ids=["majorana", "dirac"])
def test_slopes(interaction, at):
    model = _model(interaction)
    slopes = jax.grad(model.nll)(at)
    step = 1e-3
    for name, x in at.items():
        low, high = (float(model.nll({**at, name: x + h})) for h in (-step, step))
        assert float(slopes[name]) == pytest.approx((high - low) / (2 * step), rel=1e-6, abs=1e-7)


def test_wrong_names_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean Lambda_mu"):
        MajoranaMoment("Lambda_m")
    with pytest.raises(UnknownNameError, match="did you mean mu_nu_"):
        DiracMoment("mu_nu_14")
    with pytest.raises(InputError, match="name each coupling once"):
        DiracMoment("mu_nu_11", "mu_nu_11")
    with pytest.raises(InputError, match="theta12_deg must be a finite number"):
        DiracMoment(theta12_deg=np.inf)
