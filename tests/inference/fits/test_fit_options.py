"""Starts, bounds, minima and refusals of fits, on functions in plain NumPy."""

import json

import numpy as np
import pytest
from support.toy import Batched, Toy, parameter

from cevnsjax import Model, fit
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.fits.fit_result import FitResult
from cevnsjax.inference.minimise.problems import starts_of
from cevnsjax.interactions.owners import owning

RHO = 0.8


def close(result, expected, atol=1e-6):
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


def ellipse(kind=Batched, **options):
    """A Gaussian about (1.3, -0.4) with errors 0.2 and 5 and correlation 0.8."""
    inverse = np.linalg.inv([[1, RHO], [RHO, 1]])

    def chi2(x, y):
        a, b = (x - 1.3) / 0.2, (y + 0.4) / 5
        return inverse[0, 0] * a**2 + 2 * inverse[0, 1] * a * b + inverse[1, 1] * b**2 + 3

    table = [parameter("x", scale=0.1, **options), parameter("y", scale=10.0, unit="fm")]
    return kind(table, chi2)


def wells(tilt=0.0, depth=10.0):
    """depth (x^2 - 1)^2 + tilt x + y^2."""
    table = [parameter("x", bounds=(-4.0, 4.0)), parameter("y")]
    return Batched(table, lambda x, y: depth * (x**2 - 1) ** 2 + tilt * x + y**2)


@pytest.mark.parametrize("kind", [Toy, Batched])
def test_closed_form(kind):
    """The function may be evaluated at many points in one call, or at one point per call."""
    result = fit(ellipse(kind), ["x", "y"])
    close(list(result.values.values()), [1.3, -0.4], atol=1e-5)
    assert result.chi2 == pytest.approx(3, abs=1e-9)
    np.testing.assert_allclose(list(result.errors.values()), [0.2, 5.0], rtol=1e-6)
    close(result.correlation, [[1, RHO], [RHO, 1]])
    assert result.status == "converged"
    assert result.minima == ((result.chi2, result.values),)
    assert result.units == {"x": "", "y": "fm"}


# --- minima ---


def test_all_minima_are_reported_lowest_first():
    result = fit(wells(tilt=2.0), ["x", "y"])
    roots = np.sort(np.roots([40, 0, -40, 2]).real)
    heights = [10 * (x**2 - 1) ** 2 + 2 * x for x in roots]
    assert [m[1]["x"] for m in result.minima] == pytest.approx([roots[0], roots[2]], abs=1e-5)
    assert [m[0] for m in result.minima] == pytest.approx([heights[0], heights[2]], abs=1e-8)
    assert result.minima[0] == (result.chi2, result.values)
    assert all(list(values) == ["x", "y"] for _, values in result.minima)


def test_equal_minima_are_both_reported():
    result = fit(wells(), ["x", "y"])
    close(sorted(m[1]["x"] for m in result.minima), [-1.0, 1.0], atol=1e-5)
    assert abs(result.minima[0][0] - result.minima[1][0]) < 1e-8


def test_minima_that_do_not_matter_are_left_out():
    """The other well is 80 higher in chi2, or lies on a bound and is 8 higher."""
    assert len(fit(wells(tilt=40.0, depth=300.0), ["x", "y"]).minima) == 1
    concave = Batched([parameter("x", bounds=(-1.0, 3.0))], lambda x: -(x**2))
    result = fit(concave, "x", starts=5)
    assert [m[1]["x"] for m in result.minima] == [3.0, -1.0]
    assert result.at_bound == ("x",)


def test_json_round_trip_of_minima_and_correlation():
    for result in (
        fit(wells(tilt=1.0), ["x", "y"]),
        fit(ellipse(), ["x", "y"]),
        fit(ellipse(), ["x", "y"], bounds={"x": (0.0, 1.0)}),
    ):
        raw = json.loads(result.to_json())
        assert [(m["chi2"], m["values"]) for m in raw["minima"]] == list(result.minima)
        correlation = [[np.nan if c is None else c for c in row] for row in raw["correlation"]]
        np.testing.assert_array_equal(correlation, result.correlation)
        back = FitResult.from_json(result.to_json())
        assert back.minima == result.minima
        np.testing.assert_array_equal(back.correlation, result.correlation)
        assert back.to_dict() == result.to_dict()


def test_json_of_older_results_has_no_minima():
    raw = json.loads(fit(ellipse(), ["x", "y"]).to_json())
    del raw["minima"], raw["correlation"]
    assert FitResult.from_json(json.dumps(raw)).minima == ()


# --- starts ---


def hill(x):
    """A wide valley at 0 and a narrow, deeper one six scales off."""
    return 5 * np.tanh(x) ** 2 + 0.02 * x**2 + 8 - 8 * np.exp(-((x - 6) ** 2))


def hidden():
    return Batched([parameter("x", bounds=(-20.0, 20.0))], hill)


def test_random_starts_find_a_minimum_that_default_starts_miss():
    few = fit(hidden(), "x", method="lbfgs")
    assert few.values["x"] == pytest.approx(0.0, abs=1e-5)
    many = fit(hidden(), "x", method="lbfgs", starts=40)
    assert many.chi2 == pytest.approx(np.min(hill(np.linspace(5, 7, 200_001))), abs=1e-8)
    assert [round(m[1]["x"]) for m in many.minima] == [6, 0]


def test_one_start_in_the_narrow_valley_is_enough():
    result = fit(hidden(), "x", method="lbfgs", start={"x": 5.5})
    assert result.values["x"] == pytest.approx(6.0, abs=0.05)


def test_a_seed_gives_the_same_fit_again():
    results = [fit(hidden(), "x", starts=20, seed=s).to_dict() for s in (4, 4)]
    assert results[0] == results[1]
    toys = [hidden() for _ in range(3)]
    asked = []
    for toy, seed in zip(toys, (4, 4, 5), strict=True):
        recorded = []
        inner = toy.chi2
        toy.chi2 = lambda x, inner=inner, recorded=recorded: recorded.append(x) or inner(x)
        fit(toy, "x", starts=20, seed=seed)
        asked.append(recorded)
    np.testing.assert_array_equal(asked[0][0], asked[1][0])
    assert not np.array_equal(asked[0][0], asked[2][0])


def test_starts_that_are_not_random():
    """The defaults come first, then a scale up and down in each parameter, and the corners."""
    toy = Toy([parameter("x", default=1.0, scale=0.5), parameter("y", scale=2.0)], chi2=None)
    first, *others = [tuple(s.tolist()) for s in starts_of(toy, ("x", "y"))]
    assert first == (2.0, 0.0)
    around = [(x, y) for x in (1.0, 2.0, 3.0) for y in (-1.0, 0.0, 1.0)]
    assert sorted([first, *others]) == around


def test_starts_of_an_even_parameter_are_never_where_it_is_stationary():
    """Clipping to the bound at 0 would put half of the starts there; they are mirrored instead."""
    table = [parameter("g", bounds=(0.0, 100.0), even=True)]
    for method in ("newton", "lbfgs"):
        seen = []

        def chi2(g, seen=seen):
            seen.append(float(g))
            return (g**2 - 9) ** 2 / 20

        result = fit(Toy(table, chi2), "g", starts=30, method=method)
        assert result.values["g"] == pytest.approx(3.0, abs=1e-4)
        assert [m[1]["g"] for m in result.minima] == [result.values["g"]]
        if method == "lbfgs":
            assert min(abs(g) for g in seen) > 1e-2


# --- bounds ---


def test_bounds_are_kept():
    """The other parameter goes to its conditional best value."""
    result = fit(ellipse(), ["x", "y"], bounds={"x": (0.0, 1.0)})
    assert result.values["x"] == 1.0
    assert result.at_bound == ("x",)
    assert result.values["y"] == pytest.approx(-0.4 - RHO * 5 * 0.3 / 0.2, abs=1e-4)
    assert result.chi2 == pytest.approx(3 + (0.3 / 0.2) ** 2, abs=1e-8)
    assert result.errors["x"] is None
    assert result.errors["y"] == pytest.approx(5 * np.sqrt(1 - RHO**2), rel=1e-6)


def test_bounds_wider_than_needed_change_nothing():
    free, bounded = (
        fit(ellipse(), ["x", "y"], bounds=b) for b in (None, {"x": (-5.0, 5.0), "y": (-90, 90)})
    )
    close(list(bounded.values.values()), list(free.values.values()), atol=1e-6)
    assert bounded.at_bound == ()


def test_bounds_may_leave_the_default_out():
    result = fit(wells(), ["x", "y"], bounds={"x": (0.5, 3.0)})
    assert result.values["x"] == pytest.approx(1.0, abs=1e-5)
    assert len(result.minima) == 1


def test_bounds_that_rounding_moves_are_met_exactly():
    for bound in (1.1, 0.3, 0.7):
        result = fit(ellipse(), ["x", "y"], bounds={"x": (-1.0, bound)})
        assert result.values["x"] == bound
        assert result.at_bound == ("x",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": {"x": (2.0, 3.0)}, "start": {"x": 1.0}}, r"start x=1 lies outside .*\[2, 3\]"),
        ({"bounds": {"z": (0.0, 1.0)}}, "bounds name z, which is not free; free are .'x', 'y'."),
        ({"bounds": {"y": (0.0, 1.0)}, "free": ["x"]}, "bounds name y, which is not free"),
        ({"bounds": {"y": (0, 1)}, "free": ["x"], "fixed": {"y": 0.1}}, "bounds name y"),
        ({"bounds": {"x": (1.0, 0.0)}}, "low < high"),
        ({"bounds": {"x": (1.0, 1.0)}}, "low < high"),
        ({"bounds": {"x": (0.0, float("nan"))}}, "low < high"),
        ({"bounds": {"x": (-60.0, 1.0)}}, "outside its bounds"),
        ({"start": {"x": 51.0}}, "outside its bounds"),
        ({"start": {"x": float("nan")}}, "nan"),
        ({"start": {"q": 1.0}}, "q, which is not free"),
        ({"starts": -1}, "whole number >= 0, got -1"),
        ({"starts": True}, "whole number"),
        ({"fixed": {"x": 1.0}}, "both free and fixed"),
    ],
    ids=str,
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit(ellipse(bounds=(-50.0, 50.0)), **{"free": ["x", "y"], **options})


def test_unknown_names_are_refused():
    for options in ({"free": ["q"]}, {"fixed": {"q": 1.0}}, {"method": "simplex"}):
        with pytest.raises(UnknownNameError):
            fit(ellipse(), **options)


# --- likelihoods that cannot be fitted ---


def test_a_parameter_that_moves_nothing_is_refused():
    """The mass of a mediator whose coupling is 0, in a plain function and in a model."""
    still = Batched([parameter("g"), parameter("m", default=3.0)], lambda g, m: (g * m - 1) ** 2)
    with pytest.raises(InputError, match=r"does not depend on m with these fixed values.*coupling"):
        fit(still, "m", fixed={"g": 0.0})
    m = Model(csi_2017(), owning(["g_Zp"]))
    with pytest.raises(InputError, match="does not depend on m_Zp"):
        fit(m, "m_Zp", fixed={"g_Zp": 0.0})


def test_a_flat_likelihood_says_so():
    """The data measure x + y, neither x nor y alone."""
    table = [parameter("x", bounds=(-9.0, 9.0)), parameter("y", bounds=(-9.0, 9.0)), parameter("z")]
    valley = Batched(table, lambda x, y, z: (x + y - 1) ** 2 + (z - 2) ** 2)
    result = fit(valley, ["x", "y", "z"])
    assert result.status == "flat: the likelihood does not fix x, y; fix one of them"
    assert not result.converged
    assert (result.errors["x"], result.errors["y"]) == (None, None)
    assert result.errors["z"] == pytest.approx(1.0)
    assert result.chi2 == pytest.approx(0.0, abs=1e-8)


def test_a_start_without_a_likelihood_names_the_parameter():
    def chi2(x, y):
        return np.where(np.asarray(x) < -1, np.nan, 1.0) * ((x - 1) ** 2 + y**2)

    toy = Batched([parameter("x"), parameter("y")], chi2)
    with pytest.raises(InputError, match=r"not finite at the start: x=-3; move it"):
        fit(toy, ["x", "y"], start={"x": -3.0, "y": 2.0})
    result = fit(toy, ["x", "y"], start={"x": -0.9, "y": 2.0})
    close(list(result.values.values()), [1.0, 0.0], atol=1e-5)


def test_a_likelihood_that_is_nowhere_finite_is_refused():
    toy = Batched([parameter("x")], lambda x: x * np.nan)
    with pytest.raises(InputError, match="not finite"):
        fit(toy, "x")


def test_a_likelihood_without_a_minimum_is_not_converged():
    runaway = Batched([parameter("x")], lambda x: -np.log1p(x**2))
    result = fit(runaway, "x")
    assert result.status.startswith("not converged")
    assert result.minima == ()
