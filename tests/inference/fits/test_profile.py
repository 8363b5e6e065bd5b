"""Profiles and intervals: closed forms in NumPy, then CsI-2017 against brute force."""

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import norm
from support.toy import Batched, Toy, parameter

from cevnsjax import ProfileResult, fit, profile
from cevnsjax.core.errors import DataError, InputError, UnknownNameError
from cevnsjax.core.levels import delta_chi2_at, level_key

LEVELS = (0.6827, 0.90, 0.9545, 0.99)


def gaussian(center=1.3, sd=0.2, floor=5.0, **options):
    return Toy([parameter("x", **options)], lambda x: ((x - center) / sd) ** 2 + floor)


def close(result, expected, atol=1e-7):
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


# --- levels ---
@pytest.mark.parametrize("level", [0.5, 0.90, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("dof", [1, 2])
def test_delta_chi2_is_the_quantile(level, dof):
    assert delta_chi2_at(level, dof) == pytest.approx(chi2_distribution.ppf(level, dof), rel=1e-12)


@pytest.mark.parametrize(("level", "n"), [(0.6827, 1), (0.9545, 2), (0.9973, 3)])
def test_printed_sigmas_are_exact(level, n):
    assert delta_chi2_at(level) == pytest.approx(n**2, rel=1e-12)
    exact = norm.cdf(n) - norm.cdf(-n)
    assert delta_chi2_at(level, dof=2) == pytest.approx(-2 * np.log(1 - exact), rel=1e-12)


def test_level_keys():
    assert [level_key(x) for x in LEVELS] == ["0.6827", "0.90", "0.9545", "0.99"]
    assert [level_key(x) for x in (0.5, 0.95, 0.9973, 0.999)] == ["0.50", "0.95", "0.9973", "0.999"]


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1, float("nan")])
def test_bad_levels(level):
    with pytest.raises(InputError, match="within"):
        delta_chi2_at(level)
    with pytest.raises(InputError, match="within"):
        profile(gaussian(bounds=(0.0, 3.0)), "x", levels=(0.9, level))


# --- closed forms ---
@pytest.mark.parametrize(
    "options",
    [
        {"bounds": (0.0, 3.0)},
        {},
        {"scale": 1e-3},
        {"scale": 1e3},
        {"default": 100.0},
        {"bounds": (0.0, np.inf)},
    ],
    ids=str,
)
def test_gaussian_intervals(options):
    """Intervals are the same whatever bounds, scale and default the parameter states."""
    result = profile(gaussian(**options), "x", levels=LEVELS)
    assert result.status == "converged"
    assert result.best_fit == pytest.approx(1.3, abs=1e-7)
    assert result.chi2_min == pytest.approx(5.0, rel=1e-12)
    assert list(result.intervals) == [level_key(x) for x in LEVELS]
    for level in LEVELS:
        half = 0.2 * np.sqrt(delta_chi2_at(level))
        close(result.intervals[level_key(level)], [(1.3 - half, 1.3 + half)])
    assert np.all(np.diff(result.x) > 0)
    close(result.chi2, ((result.x - 1.3) / 0.2) ** 2 + 5, atol=1e-9 * result.chi2.max())
    close(result.delta_chi2.min(), 0)


@pytest.mark.parametrize(("side", "sign"), [("upper", 1), ("lower", -1)])
def test_one_sided_limits(side, sign):
    """The 90 % limit is 1.2816 errors from the best fit; the interval is open on the other side."""
    toy = gaussian(bounds=(-2.0, 4.0))
    result = profile(toy, "x", levels=(0.90, 0.95), side=side)
    for key, level in (("0.90", 0.90), ("0.95", 0.95)):
        limit = 1.3 + sign * 0.2 * norm.ppf(level)
        close(result.intervals[key], [(-2.0, limit) if sign > 0 else (limit, 4.0)])
        assert result.levels[key] == pytest.approx(norm.ppf(level) ** 2, rel=1e-12)
    assert result.open_at == ((4.0,) if sign > 0 else (-2.0,))
    # With Delta chi2 from a lower chi2_min the limit is nearer; at last the interval is empty.
    counted = profile(toy, "x", levels=(0.90,), side=side, chi2_min=4.0)
    limit = 1.3 + sign * 0.2 * np.sqrt(norm.ppf(0.90) ** 2 - 1)
    close(counted.intervals["0.90"], [(-2.0, limit) if sign > 0 else (limit, 4.0)])
    assert profile(toy, "x", levels=(0.90,), side=side, chi2_min=1.0).intervals == {"0.90": []}


def test_bad_sides():
    with pytest.raises(UnknownNameError, match="unknown side"):
        profile(gaussian(), "x", side="left")
    with pytest.raises(InputError, match=r"levels above 0\.5"):
        profile(gaussian(), "x", side="upper", levels=(0.4,))
    with pytest.raises(InputError, match="needs dof 1"):
        profile(gaussian(), "x", side="upper", dof=2)


def test_two_minima_give_a_union():
    """chi2 = k (x^2 - 1)^2 below h: x^2 within 1 +- sqrt(h/k)."""
    well = Toy([parameter("x", bounds=(-3.0, 3.0))], lambda x: 10 * (x**2 - 1) ** 2)
    result = profile(well, "x", levels=(0.90, 0.9973, 0.9999))
    for level in (0.90, 0.9973):
        low, high = np.sqrt(1 + np.array([-1, 1]) * np.sqrt(delta_chi2_at(level) / 10))
        close(result.intervals[level_key(level)], [(-high, -low), (low, high)])
    high = np.sqrt(1 + np.sqrt(delta_chi2_at(0.9999) / 10))
    close(result.intervals["0.9999"], [(-high, high)])
    assert abs(result.best_fit) == pytest.approx(1, abs=1e-6)


def test_second_minimum_enters_at_its_own_height():
    """The tilt lifts the right well by about 2: absent at 68 %, present at 90 %."""
    tilted = lambda x: 30 * (x**2 - 1) ** 2 + x  # noqa: E731
    result = profile(Toy([parameter("x", bounds=(-2.0, 2.0))], tilted), "x", levels=(0.6827, 0.90))
    assert [len(i) for i in result.intervals.values()] == [1, 2]
    roots = np.roots([120, 0, -120, 1]).real
    assert result.best_fit == pytest.approx(min(roots), abs=1e-6)
    assert result.chi2_min == pytest.approx(tilted(min(roots)), abs=1e-12)
    ends = np.array(result.intervals["0.90"]).ravel()
    expected = np.roots([30, 0, -60, 1, 30 - result.chi2_min - delta_chi2_at(0.90)])
    close(ends, np.sort(expected.real))


def test_one_sided_at_a_bound():
    outside = Toy([parameter("x", bounds=(0.0, 5.0))], lambda x: (x + 1) ** 2)
    result = profile(outside, "x", levels=(0.90,))
    assert result.best_fit == 0.0
    assert result.chi2_min == pytest.approx(1.0)
    close(result.intervals["0.90"], [(0.0, np.sqrt(1 + delta_chi2_at(0.90)) - 1)])


def test_interval_that_ends_at_the_range():
    result = profile(gaussian(bounds=(1.0, 1.4), default=1.2), "x", levels=(0.6827, 0.99))
    close(result.intervals["0.6827"], [(1.1, 1.4)])
    close(result.intervals["0.99"], [(1.0, 1.4)])
    part = profile(gaussian(bounds=(-5.0, 5.0)), "x", levels=(0.6827,), within=(1.35, 3.0))
    assert part.best_fit == pytest.approx(1.35)
    close(part.intervals["0.6827"], [(1.35, 1.3 + np.sqrt(0.04 + 0.05**2))])


def correlated(**options):
    """A Gaussian with correlation 0.99: the profile is seven times wider than the slice."""
    inverse = np.linalg.inv([[0.04, 0.99 * 0.2 * 0.5], [0.99 * 0.2 * 0.5, 0.25]])

    def chi2(x, y):
        a, b = x - 1.3, y + 0.4
        return inverse[0, 0] * a**2 + 2 * inverse[0, 1] * a * b + inverse[1, 1] * b**2

    return Toy([parameter("x", **options), parameter("y", default=-0.4)], chi2)


@pytest.mark.parametrize("options", [{"bounds": (0.0, 3.0)}, {"default": 1.3, "scale": 0.01}])
def test_profile_over_a_correlated_parameter(options):
    half = 0.2 * np.sqrt(delta_chi2_at(0.90))
    result = profile(correlated(**options), "x", free=["y"], levels=(0.90,))
    close(result.intervals["0.90"], [(1.3 - half, 1.3 + half)], atol=1e-5)
    sliced = profile(correlated(**options), "x", levels=(0.90,))
    shrink = np.sqrt(1 - 0.99**2)
    close(sliced.intervals["0.90"], [(1.3 - half * shrink, 1.3 + half * shrink)])


def test_profile_over_an_even_parameter():
    """y^2 follows x only where x >= 0; y starts at 0, where chi2 has no gradient in y."""
    chi2 = lambda x, y: ((x - y**2) / 0.1) ** 2 + ((x - 0.3) / 0.4) ** 2  # noqa: E731
    table = [parameter("x", bounds=(-1.0, 2.0)), parameter("y", even=True, bounds=(-3.0, 3.0))]
    result = profile(Toy(table, chi2), "x", free=["y"], levels=(0.90,))
    expected = ((result.x - 0.3) / 0.4) ** 2 + (np.minimum(result.x, 0) / 0.1) ** 2
    close(result.chi2, expected, atol=1e-7)
    low = np.roots([1 / 0.16 + 100, -0.6 / 0.16, 0.09 / 0.16 - delta_chi2_at(0.90)]).min()
    close(result.intervals["0.90"], [(low, 0.3 + 0.4 * np.sqrt(delta_chi2_at(0.90)))], atol=1e-6)


def test_data_reach_the_profile():
    """The range is searched with the data of the call, not with those of the model."""
    toy = Toy([parameter("x")], lambda x, data=0.0: ((x - data) / 0.2) ** 2)
    result = profile(toy, "x", data=1000.0, levels=(0.6827,))
    close(result.intervals["0.6827"], [(999.8, 1000.2)])


def test_inner_fits_that_fail_are_reported():
    runaway = Batched(
        [parameter("x", bounds=(0.0, 1.0)), parameter("y")], lambda x, y: x**2 - np.log1p(y**2)
    )
    result = profile(runaway, "x", free=["y"])
    assert result.status.startswith("not converged: inner fits failed at")
    assert fit(runaway, free=["x", "y"]).status.startswith("not converged")


def test_bad_ranges_and_parameters():
    toy = gaussian(bounds=(0.0, 3.0))
    with pytest.raises(InputError, match="must increase"):
        profile(toy, "x", within=(2.0, 1.0))
    with pytest.raises(InputError, match="must increase"):
        profile(toy, "x", within=(1.0, 1.0))
    with pytest.raises(InputError, match="outside its bounds"):
        profile(toy, "x", within=(0.0, 4.0))
    with pytest.raises(InputError, match="nan"):
        profile(toy, "x", within=(float("nan"), 2.0))
    with pytest.raises(UnknownNameError):
        profile(toy, "z")
    with pytest.raises(InputError, match="both free and fixed"):
        profile(toy, "x", fixed={"x": 1.0})
    flat = Toy([parameter("x", bounds=(0.0, 1.0))], lambda x: 0 * x + 2.0)
    with pytest.raises(InputError, match="does not depend on x"):
        profile(flat, "x")
    broken = Toy([parameter("x", bounds=(0.0, 1.0))], lambda x: np.where(x > 0.5, np.nan, x))
    with pytest.raises(InputError, match="not finite"):
        profile(broken, "x")


def test_json_round_trip(tmp_path):
    result = profile(gaussian(bounds=(0.0, 3.0)), "x", side="upper", levels=(0.9, 0.95))
    path = tmp_path / "profile.json"
    path.write_text(result.to_json())
    for source in (result.to_json(), path):
        back = ProfileResult.from_json(source)
        assert back.to_dict() == result.to_dict()
        assert (back.intervals, back.minima) == (result.intervals, result.minima)
        np.testing.assert_array_equal(back.delta_chi2, result.delta_chi2)
    for text in ("{}", "[1]", "no json", '{"curve": 3}'):
        with pytest.raises(DataError, match="not the JSON of a ProfileResult"):
            ProfileResult.from_json(text)
