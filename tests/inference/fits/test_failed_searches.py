"""Searches for solved nuisances that fail: flagged, noted, and never the end of an interval."""

import numpy as np
import pytest
from support.toy import Batched, Searched, parameter

from cevnsjax import FitResult, ProfileResult, fit, profile, scan
from cevnsjax.core.levels import delta_chi2_at

SD = 0.2


def parabola(x):
    return ((x - 1.3) / SD) ** 2 + 5


def searched(fails, chi2=parabola, off=1e5, **options):
    table = [parameter("x", **{"bounds": (-5.0, 5.0), **options})]
    return Searched(table, chi2, fails=fails, off=off)


def dotted(x):
    """Every other stretch of 0.05 beyond 3 and one near the minimum fails."""
    return ((np.asarray(x) > 3) & (np.floor(np.asarray(x) / 0.05) % 2 == 0)) | (
        np.abs(np.asarray(x) - 1.25) < 0.01
    )


@pytest.mark.parametrize("off", [1e5, 20.0, -1e5])
def test_scattered_failures_make_no_intervals(off):
    """The curve jumps up or down at many points; the interval is that of the parabola."""
    result = profile(searched(dotted, off=off), "x", levels=(0.6827, 0.90))
    for level in (0.6827, 0.90):
        half = SD * np.sqrt(delta_chi2_at(level))
        np.testing.assert_allclose(
            result.intervals[f"{level:.4g}" if level < 0.7 else "0.90"],
            [(1.3 - half, 1.3 + half)],
            rtol=1e-6,
        )
    assert result.best_fit == pytest.approx(1.3, abs=1e-6)
    assert result.chi2_min == pytest.approx(5.0, abs=1e-9)
    assert result.status.startswith("not converged: the nuisances were not found at")
    assert len(result.failed) > 20
    assert dotted(np.array(result.failed)).all()
    assert "bound no interval" in result.notes[0]
    assert ProfileResult.from_json(result.to_json()).failed == result.failed


def test_an_end_among_failures_is_the_next_point_outside():
    """The crossing at 1.5 lies within a stretch that fails: the interval is not cut short."""
    result = profile(searched(lambda x: np.abs(np.asarray(x) - 1.5) < 0.04), "x", levels=(0.6827,))
    ((low, high),) = result.intervals["0.6827"]
    assert low == pytest.approx(1.1, abs=1e-3)
    assert 1.54 <= high < 1.6
    assert any("between failed ones" in note for note in result.notes)
    assert result.status.startswith("not converged")


def test_a_range_that_fails_altogether_excludes_nothing():
    result = profile(searched(lambda x: np.asarray(x) > -9), "x", levels=(0.90,))
    assert result.intervals["0.90"] == [(-5.0, 5.0)]
    assert result.status.startswith("not converged")


@pytest.mark.parametrize(("sd", "plateau"), [(0.7, 1 / 0.49), (0.5, 4.0), (0.1, 100.0)])
@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_plateau_of_chi2(sd, plateau, noise):
    """A signal that its pull can switch off: chi2 -> 1/sd^2, with rounding noise on it."""
    rng = np.random.default_rng(5)

    def chi2(x):
        signal = 0.05 * np.asarray(x) ** 2
        exact = signal**2 / (1 + (sd * signal) ** 2)
        return exact + noise * rng.uniform(-1, 1, np.shape(exact))

    toy = Batched([parameter("x", bounds=(0.0, 100.0), even=True)], chi2)
    result = profile(toy, "x", side="upper", levels=(0.90, 0.95))
    for level, key in ((0.90, "0.90"), (0.95, "0.95")):
        height = delta_chi2_at(2 * level - 1)
        ((low, high),) = result.intervals[key]
        assert low == 0.0
        if height > plateau:
            assert high == 100.0
            assert 100.0 in result.open_at
            text = f"chi2 rises by {plateau:.4g} at most, {height:.4g} is needed"
            assert any(
                note.startswith(f"{key}: open at x = 100") and text in note for note in result.notes
            )
        else:
            signal = np.sqrt(height / (1 - sd**2 * height))
            assert high == pytest.approx(np.sqrt(signal / 0.05), rel=1e-6)


@pytest.mark.parametrize("height", [2.705543, 1e3])
def test_a_plateau_on_the_level_itself_is_one_interval(height):
    """chi2 stays on the level to 1e-11 of its size: noise about it is not a crossing."""
    level = delta_chi2_at(0.90)
    rng = np.random.default_rng(7)

    def chi2(x):
        x = np.asarray(x, dtype=float)
        on_level = height + level * (1 + 1e-12 * rng.uniform(-1, 1, x.shape))
        return np.where(x < 1, height + level * x**2, on_level)

    toy = Batched([parameter("x", bounds=(0.0, 10.0), even=True)], chi2)
    assert len(profile(toy, "x", levels=(0.90,)).intervals["0.90"]) == 1


@pytest.mark.parametrize("free", [(), ("y",)])
def test_the_curve_passes_through_its_intervals(free):
    table = [parameter("x", bounds=(-200.0, 200.0)), parameter("y")]
    toy = Batched(table, lambda x, y: ((x - 3) / 40) ** 2 + (y - x) ** 2 * bool(free) + 2)
    result = profile(toy, "x", free=free, levels=(0.6827, 0.90))
    for key, intervals in result.intervals.items():
        for end in np.ravel(intervals):
            at = np.flatnonzero(result.x == end)
            assert result.delta_chi2[at] == pytest.approx(result.levels[key], abs=1e-8)
            # As a figure draws it: straight lines between points cross there too.
            drawn = np.interp(end, result.x, result.delta_chi2)
            assert drawn == pytest.approx(result.levels[key], abs=1e-8)


def test_a_profile_counts_from_a_minimum_that_its_fit_missed():
    """A narrow pit is the deepest valley, hidden from the starts of the fit of both parameters."""
    deep = 36.0

    def chi2(x, y):
        pit = 40 * np.exp(-(((x - deep) / 0.03) ** 2))
        return 20 - 20 * np.exp(-((x / 20) ** 2)) - pit * np.exp(-((y - 1) ** 2)) + y**2 / 100

    table = [parameter("x", bounds=(0.0, 60.0), default=1.0), parameter("y", bounds=(-9.0, 9.0))]
    result = profile(Batched(table, chi2), "x", free=["y"], levels=(0.6827,))
    x, y = np.meshgrid(np.linspace(35.9, 36.1, 2001), np.linspace(0.5, 1.5, 1001), indexing="ij")
    assert result.chi2_min == pytest.approx(float(chi2(x, y).min()), abs=1e-3)
    ((low, high),) = result.intervals["0.6827"]
    assert low < deep < high
    assert any("below the fit of all parameters" in note for note in result.notes)


def test_a_base_above_the_curve_is_not_used():
    toy = Batched([parameter("x", bounds=(-5.0, 5.0))], parabola)
    result = profile(toy, "x", levels=(0.6827,), chi2_min=7.0)
    assert result.chi2_min == pytest.approx(5.0)
    np.testing.assert_allclose(result.intervals["0.6827"], [(1.1, 1.5)], atol=1e-5)
    assert "2 below chi2_min = 7" in result.notes[0]
    below = profile(toy, "x", levels=(0.6827,), chi2_min=4.5)
    assert below.chi2_min == 4.5
    assert below.notes == ()


# --- fits ---


def test_a_fit_whose_search_fails_is_not_converged():
    result = fit(searched(lambda x: np.asarray(x) > -9), "x")
    assert result.status.startswith("not converged: the solved nuisances are not at their minimum")
    held = fit(searched(lambda x: np.asarray(x) > -9), fixed={"x": 1.0}, free=())
    assert held.status.startswith("not converged: the solved nuisances")


@pytest.mark.parametrize("off", [1e5, -1e5])
def test_ends_that_failed_are_left_out(off):
    result = fit(searched(lambda x: np.asarray(x) > 4, off=off), "x")
    assert result.status == "converged"
    assert result.values["x"] == pytest.approx(1.3, abs=1e-5)
    if off < 0:
        assert result.notes[0].startswith("left out: ")


def test_a_fit_without_degrees_of_freedom_has_no_p_value():
    toy = Batched([parameter(n) for n in "ab"], lambda a, b: a**2 + b**2, observed=(np.zeros(2),))
    result = fit(toy, ["a", "b"])
    assert (result.ndf, result.p_value) == (0, None)
    assert "no p-value: 2 bins less 2 fitted parameters leave no degree of freedom" in result.notes
    back = FitResult.from_json(result.to_json())
    assert back.p_value is None
    assert back.lines()[-1] == "chi2/ndf = 0.000/0"


def test_a_parameter_alone_on_its_bound_is_noted():
    toy = Batched([parameter("x", bounds=(0.0, 1.0), default=0.5)], lambda x: (x + 1) ** 2)
    assert fit(toy, "x").notes == ("x on a bound: profile it",)


def test_a_nuisance_that_is_held_is_on_a_bound():
    """a >= 0 would be -0.5: the error of x is that with a held at 0."""

    class Held(Batched):
        def expand(self, values, points, *, data=None):
            free = super().expand({**values, "a": 0.0}, points, data=data)
            n, size = len(points), len(free.value)
            free.full = np.tile(np.eye(n + 1), (size, 1, 1))
            free.full[:, :n, :n] = free.hessian
            free.full[:, n, :n] = free.full[:, :n, n] = 0.7
            free.pulls = {"a": np.zeros(size)}
            free.at_bound = {"a": np.ones(size, dtype=bool)}
            return free

    table = [parameter("x"), parameter("a", kind="nuisance", linear=True)]
    result = fit(Held(table, lambda x, a: ((x - 2) / SD) ** 2 + (a + 0.5) ** 2), "x")
    assert result.at_bound == ("a",)
    assert result.errors["a"] is None
    assert result.errors["x"] == pytest.approx(SD, rel=1e-6)
    assert result.notes == ("a: counts cannot be lower; errors of the others hold it there",)
    assert "a = 0 (at bound)" in repr(result)


# --- scans ---


@pytest.mark.parametrize("off", [1e5, -1e5])
@pytest.mark.parametrize("folder", [False, True])
def test_a_scan_flags_its_points(tmp_path, off, folder):
    options = {"folder": tmp_path / "run"} if folder else {}
    result = scan(searched(dotted, off=off), x=(-5.0, 5.0, 401), **options)
    np.testing.assert_array_equal(result.converged, ~dotted(result.x.values))
    assert result.attrs["failed"] == int((~result.converged).sum()) > 10
    assert f"at {result.attrs['failed']} points" in result.attrs["notes"][0]
    assert result.attrs["chi2_min"] == pytest.approx(5.0, abs=1e-9)
    assert result.attrs["best_fit_x"] == pytest.approx(1.3)
    result.to_netcdf(tmp_path / "scan.nc", engine="h5netcdf")


def test_a_scan_without_failures_has_no_notes():
    result = scan(searched(lambda x: np.asarray(x) > 9), x=(-5.0, 5.0, 11))
    assert bool(result.converged.all())
    assert (result.attrs["failed"], result.attrs["notes"]) == (0, [])
