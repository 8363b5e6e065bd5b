"""Every method finds the lowest minimum of the same problems, compared with a fine scan."""

import numpy as np
import pytest
from support.toy import by_point

from cevnsjax import fit, scan
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.minimise import methods
from cevnsjax.inference.minimise.descents import lbfgs
from cevnsjax.inference.minimise.methods import METHODS, distinct, minima_of
from cevnsjax.inference.minimise.problems import Minimum
from cevnsjax.interactions.owners import owning
from cevnsjax.model import Model

PROBLEMS = {
    "angle": {"sin2_theta_w": (0.0, 0.6, 2001)},
    "two minima": {"eps_dV_ee": (-1.0, 1.0, 2001)},
    "two couplings": {"eps_uV_ee": (-1.0, 1.0, 401), "eps_dV_mumu": (-1.0, 1.0, 401)},
    "even": {"mu_nu_e": (0.0, 60.0, 2001)},
    "charge": {"q_nu_ee": (-60.0, 60.0, 2001)},
    "radius": {"R_n_Cs": (2.0, 9.0, 2001)},
}


@pytest.fixture(scope="module")
def models():
    """One model and the least chi2 of a fine scan for each problem."""
    out = {}
    for name, axes in PROBLEMS.items():
        model = Model(csi_2017(), owning(list(axes), {}))
        out[name] = model, scan(model, **axes).attrs["chi2_min"]
    return out


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_lowest_minimum(models, problem, method):
    if method == "minuit":
        pytest.importorskip("iminuit")
    model, least = models[problem]
    result = fit(model, list(PROBLEMS[problem]), method=method)
    assert result.converged, result.status
    # The steps of the scan leave its lowest chi2 a little above the minimum, never below.
    assert result.chi2 <= least + 1e-7
    assert result.chi2 >= least - 0.01
    reference = fit(model, list(PROBLEMS[problem]), method="newton")
    assert result.chi2 == pytest.approx(reference.chi2, abs=2e-6)
    for name in PROBLEMS[problem]:
        error = reference.errors[name] or model.parameters[name].scale
        assert result.values[name] == pytest.approx(reference.values[name], abs=2e-3 * error)


@pytest.mark.parametrize("method", METHODS)
def test_fits_on_a_bound_say_so(method):
    """Data with more events than any sin2_theta_w up to 1 gives press it there."""
    if method == "minuit":
        pytest.importorskip("iminuit")
    model = Model(csi_2017())
    many = 1.5 * np.asarray(model.expected({"sin2_theta_w": 1.0})["csi-2017"])
    result = fit(model, ["sin2_theta_w"], data=many, method=method)
    assert result.values["sin2_theta_w"] == 1.0
    assert result.at_bound == ("sin2_theta_w",)
    assert result.errors["sin2_theta_w"] is None


def test_an_even_parameter_does_not_stay_at_zero(models):
    """chi2 falls with mu_nu_e^2 when events are missing from the prediction."""
    model, _ = models["even"]
    data = np.asarray(model.expected({"mu_nu_e": 25.0})["csi-2017"])
    for method in ("auto", "newton", "lbfgs"):
        result = fit(model, ["mu_nu_e"], data=data, method=method, start={"mu_nu_e": 0.0})
        assert result.values["mu_nu_e"] == pytest.approx(25.0, abs=1e-2)


def test_errors(models):
    model, _ = models["angle"]
    with pytest.raises(UnknownNameError, match="unknown method"):
        fit(model, ["sin2_theta_w"], method="simplex")
    with pytest.raises(UnknownNameError, match="unknown method"):
        minima_of(wells(), [np.zeros(1)], "simplex")
    for method in ("newton", "lbfgs"):
        with pytest.raises(InputError, match="not finite at any start"):
            minima_of(problem(lambda x: np.nan * x), [np.zeros(1), np.ones(1)], method)


# --- closed forms ---


def problem(f, slope=None, bend=None, low=-np.inf, high=np.inf):
    """A function of one coordinate with its derivatives; NaN where they are not passed."""
    slope, bend = slope or f, bend or f
    return by_point(
        lambda u: (float(f(u[0])), np.array([float(slope(u[0]))])),
        lambda u: np.array([[float(bend(u[0]))]]),
        np.array([low]),
        np.array([high]),
    )


def wells(tilt=0.0, low=-np.inf, high=np.inf):
    """(x^2 - 1)^2 + tilt x."""
    return problem(
        lambda x: (x**2 - 1) ** 2 + tilt * x,
        lambda x: 4 * x * (x**2 - 1) + tilt,
        lambda x: 12 * x**2 - 4,
        low,
        high,
    )


@pytest.mark.parametrize("method", ["auto", "newton", "lbfgs", "minuit"])
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_all_minima_lowest_first(method, tilt):
    """Two minima of equal height count as two; the lowest comes first."""
    if method == "minuit":
        pytest.importorskip("iminuit")
    starts = [np.array([x]) for x in (2.0, 1.1, -0.9, -3.0, 0.4)]
    result = minima_of(wells(tilt), starts, method)
    roots = np.sort(np.roots([4, 0, -4, tilt]).real)
    places = [float(m.u[0]) for m in result]
    assert sorted(places) == pytest.approx([roots[0], roots[2]], abs=1e-4)
    assert all(m.converged for m in result)
    if tilt:
        assert places[0] < places[1]


def ended(place, value, edm=0.0):
    return Minimum(np.array(place, dtype=float), value, edm, np.zeros(len(place), dtype=bool), 1)


def test_distinct_keeps_one_of_each():
    near, far = ended([1.0, 2.0], 3.0), ended([1.0, 2.5], 3.0 + 2e-9)
    same = ended([1.001, 2.0], 3.0 + 1e-9)
    assert [m.u[1] for m in distinct([same, far, near])] == [2.0, 2.5]
    assert [m.value for m in distinct([ended([0.0], 5.0), ended([9.0], 2.0)])] == [2.0, 5.0]
    # Two descents ended at one place with different values: one had not reached the minimum.
    assert len(distinct([ended([1.0], 3.0), ended([1.0], 3.1, edm=0.2)])) == 2


def test_distinct_prefers_what_converged():
    """Among ends whose values equal the lowest up to rounding the converged one is kept."""
    stuck, good = ended([1.0], 3.0 - 1e-8, edm=1.0), ended([1.0], 3.0)
    assert distinct([stuck, good]) == [good]
    lower = ended([1.0], 2.0, edm=1.0)
    assert distinct([good, lower])[0] is lower


def test_distinct_measures_far_places_by_their_size():
    assert len(distinct([ended([1000.0], 3.0), ended([1001.0], 3.0)])) == 1
    assert len(distinct([ended([1000.0], 3.0), ended([1020.0], 3.0)])) == 2


def test_lbfgs_leaves_a_maximum_in_few_steps():
    """L-BFGS lengthens its steps where the curvature is negative; slopes alone make short ones."""
    cosine = problem(lambda x: 1e-3 * np.cos(x), lambda x: -1e-3 * np.sin(x))
    result = lbfgs(cosine, np.array([0.05]))
    assert result.u[0] == pytest.approx(np.pi, abs=1e-2)
    assert result.steps < 30


def bowl(size, f0=0.0):
    """f0 + u^2/2 in several coordinates."""
    bounds = np.full((2, size), np.inf)
    return by_point(lambda u: (f0 + 0.5 * u @ u, u), lambda _: np.eye(size), -bounds[0], bounds[1])


@pytest.mark.parametrize(("size", "first"), [(8, 0), (9, 1)])
def test_lbfgs_goes_first_where_there_are_many_parameters(monkeypatch, size, first):
    """More than eight parameters, as the documentation says."""
    calls = []
    spy = lambda problem, start: calls.append(start) or lbfgs(problem, start)  # noqa: E731
    monkeypatch.setattr(methods, "lbfgs", spy)
    (minimum,) = minima_of(bowl(size), [np.ones(size)])
    np.testing.assert_allclose(minimum.u, 0.0, atol=1e-5)
    assert len(calls) == first


def test_lbfgs_ends_where_steps_gain_next_to_nothing():
    """Of 1e8 a step that gains less than 1e-12, or 1e-4, is the last."""
    seen = []

    def quartic(u):
        seen.append(1e8 + np.sum(u**4))
        return seen[-1], 4 * u**3

    bounds = np.full((2, 2), np.inf)
    lbfgs(by_point(quartic, None, -bounds[0], bounds[1]), -np.ones(2))
    gains = -np.diff(np.unique(np.minimum.accumulate(seen))[::-1])
    assert np.flatnonzero(gains < 1e-4).tolist() == [len(gains) - 1]
