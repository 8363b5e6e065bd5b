"""Protocols that inference asks of an objective, and fits of objectives that are not a Model."""

import numpy as np
import pytest
from support.toy import Toy, expanded_one_by_one, parameter

from cevnsjax import Model, StandardModel, fit, profile, scan
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.objective import Objective

NAMES = ("sin2_theta_w", "R_n_Cs")
POINTS = np.array([[0.3, 5.2], [0.0, 4.0], [0.24, 12.0]])


class Plain:
    """A model whose expansions come from its gradients and Hessians, point by point."""

    def __init__(self, model):
        for name in ("name", "experiments", "parameters", "observed", "best_pulls"):
            setattr(self, name, getattr(model, name))
        self.value_and_grad, self.hessian, self.map = (
            model.value_and_grad,
            model.hessian,
            model.map,
        )

    def expand(self, values, points, *, data=None):
        return expanded_one_by_one(self, values, points, data)


class Measured(Toy):
    """x with an offset a that was measured at 0 +- 0.5, solved: chi2 = (x + a - 2)^2/0.3^2 + ..."""

    def __init__(self):
        table = [
            parameter("x", bounds=(-9.0, 9.0)),
            parameter("a", kind="nuisance", linear=True, scale=0.5),
        ]
        super().__init__(table, lambda x, a: ((x + a - 2) / 0.3) ** 2 + (a / 0.5) ** 2)

    def value_and_grad(self, values, *, names=None, profiled=True, data=None):
        best = self.best_pulls(values) if profiled else {}
        names = tuple(values) if names is None else names
        return super().value_and_grad({**values, **best}, names=names, data=data)

    @property
    def best_pulls(self):
        return lambda values, data=None: {"a": (2 - values["x"]) / (1 + 0.36)}  # noqa: ARG005


@pytest.fixture(scope="module")
def model():
    return Model(csi_2017(), [StandardModel()])


def test_protocols(model):
    assert isinstance(model, Objective)
    assert isinstance(Plain(model), Objective)


def test_expansion_by_gradients_and_hessians(model):
    """The expansion of a model against its Hessian with all nuisances, point by point."""
    columns = dict(zip(NAMES, POINTS.T, strict=True))
    for held, data in (({"R_n_I": 4.5}, None), ({}, model.toy(1))):
        ours, plain = (m.expand(held, columns, data=data) for m in (model, Plain(model)))
        for name in ("value", "gradient", "hessian"):
            np.testing.assert_allclose(
                getattr(ours, name), getattr(plain, name), rtol=1e-9, atol=1e-9
            )
        assert set(ours.pulls) == set(plain.pulls)
        for name, values in ours.pulls.items():
            np.testing.assert_allclose(values, plain.pulls[name], rtol=0, atol=1e-12)
        order = [*range(2), *(2 + list(plain.pulls).index(n) for n in ours.pulls)]
        full = plain.full[:, order][:, :, order]
        np.testing.assert_allclose(ours.full, full, rtol=1e-9, atol=1e-9)


def test_a_solved_nuisance_in_closed_form():
    """The profile's curvature is 1/(0.3^2 + 0.5^2), the whole Hessian has the offset's too."""
    result = Measured().expand({}, {"x": np.array([1.0, 3.0])})
    variance = 0.3**2 + 0.5**2
    np.testing.assert_allclose(result.value, 0.5 / variance, rtol=1e-10)
    np.testing.assert_allclose(result.gradient[:, 0], [-1 / variance, 1 / variance], rtol=1e-8)
    np.testing.assert_allclose(result.hessian[:, 0, 0], 1 / variance, rtol=1e-6)
    whole = [[1 / 0.09, 1 / 0.09], [1 / 0.09, 1 / 0.09 + 4]]
    np.testing.assert_allclose(result.full, [whole, whole], rtol=1e-6)
    np.testing.assert_allclose(result.pulls["a"], [1 / 1.36, -1 / 1.36], rtol=1e-12)


def test_fits_profiles_and_scans_of_a_solved_nuisance():
    toy, sd = Measured(), np.hypot(0.3, 0.5)
    fitted = fit(toy, "x")
    assert list(fitted.values) == ["x", "a"]
    assert fitted.values["x"] == pytest.approx(2.0, abs=1e-6)
    assert fitted.errors["x"] == pytest.approx(sd, rel=1e-6)
    assert fitted.errors["a"] == pytest.approx(0.5, rel=1e-6)
    assert fitted.correlation[0, 1] == pytest.approx(-0.5 / sd, rel=1e-6)
    curve = profile(toy, "x", levels=(0.6827,), within=(1.0, 4.0))
    np.testing.assert_allclose(curve.intervals["0.6827"], [(2 - sd, 2 + sd)], atol=1e-6)
    scanned = scan(toy, keep_nuisances=True, x=(1.0, 3.0, 3))
    np.testing.assert_allclose(scanned.a, [1 / 1.36, 0, -1 / 1.36], atol=1e-12)
    np.testing.assert_allclose(scanned.chi2, [1 / sd**2, 0, 1 / sd**2], atol=1e-12)


def test_fits_with_expansions_point_by_point_are_the_same(model):
    ours, plain = (fit(m, NAMES) for m in (model, Plain(model)))
    assert plain.chi2 == pytest.approx(ours.chi2, abs=1e-9)
    for name, error in ours.errors.items():
        assert plain.values[name] == pytest.approx(ours.values[name], abs=1e-5 * error)
        assert plain.errors[name] == pytest.approx(error, rel=1e-6)
