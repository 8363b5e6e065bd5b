"""Profiles over further parameters: closed forms, brute force, and CsI-2017 against scipy."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from support import witness
from support.toy import Batched, Toy, by_point, parameter

from cevnsjax import Model, Normal, StandardModel, fit, profile
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import delta_chi2_at
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.fits.followed_minima import MinimaFollower
from cevnsjax.inference.fits.profile_curve import Curve
from cevnsjax.interactions.owners import owning

LEVELS = (0.6827, 0.90, 0.9545)


def close(result, expected, atol=1e-7):
    np.testing.assert_allclose(result, expected, rtol=0, atol=atol)


def ends_lie_on_their_levels(result, chi2, atol=1e-8):
    """At every end inside the range a closed form of chi2 crosses the level."""
    for key, spans in result.intervals.items():
        for end in np.ravel(spans):
            if end not in (result.x[0], result.x[-1]):
                assert chi2(end) - result.chi2_min == pytest.approx(result.levels[key], abs=atol)


# --- valleys that swap ---


def swapping(x, y):
    """Two valleys in y; the one at y < 0 is the lower one where x > 0."""
    return 20 * (y**2 - 1) ** 2 + 3 * x * y + (x - 0.2) ** 2


def lowest(x, low=-3.0, high=3.0):
    """The minimum of chi2 over y: at a root of a cubic, or at a bound."""
    roots = np.roots([80, 0, -80, 3 * x])
    inside = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > low) & (roots.real < high)]
    return min(swapping(x, y) for y in (low, high, *inside))


def swap(kind=Batched, **options):
    table = [parameter("x", bounds=(-3.0, 3.0)), parameter("y", bounds=(-3.0, 3.0), **options)]
    return kind(table, swapping, step=2.0**-8)


@pytest.mark.parametrize("kind", [Toy, Batched])
def test_the_lower_of_two_valleys_is_followed(kind):
    result = profile(swap(kind), "x", free="y", levels=LEVELS)
    assert result.status == "converged"
    assert result.free == ("y",)
    close(result.chi2, [lowest(x) for x in result.x.tolist()], atol=1e-8)
    ends_lie_on_their_levels(result, lowest)
    # Either sign of y has a minimum, with a barrier between them where the valleys swap.
    assert [np.sign(x) for x, _ in result.minima] == [1, -1]
    for x, height in result.minima:
        best = minimize_scalar(lowest, bounds=sorted((0.0, 3.0 * np.sign(x))))
        assert x == pytest.approx(best.x, abs=1e-5)
        assert height == pytest.approx(best.fun, abs=1e-9)


@pytest.mark.parametrize("ends", [(0.0, 3.0), (-3.0, 0.5), (-1.2, -0.4), (0.9, 2.0)])
def test_bounds_of_what_is_profiled_are_kept(ends):
    """The bounds leave one valley, none, or a part of one."""
    result = profile(swap(), "x", free="y", bounds={"y": ends}, levels=LEVELS)
    assert result.status == "converged"
    close(result.chi2, [lowest(x, *ends) for x in result.x.tolist()], atol=1e-8)
    ends_lie_on_their_levels(result, lambda x: lowest(x, *ends))


def test_a_part_of_the_range():
    whole = profile(swap(), "x", free="y")
    result = profile(swap(), "x", free="y", within=(-2.5, -0.5), levels=LEVELS)
    assert (result.x[0], result.x[-1]) == (-2.5, -0.5)
    close(result.chi2, [lowest(x) for x in result.x.tolist()], atol=1e-8)
    ends_lie_on_their_levels(result, lowest)
    assert result.chi2_min > whole.chi2_min
    # With Delta chi2 taken from the minimum outside, the intervals are those of the whole range.
    counted = profile(
        swap(), "x", free="y", within=(-2.5, -0.5), levels=LEVELS, chi2_min=whole.chi2_min
    )
    assert counted.chi2_min == whole.chi2_min
    ends_lie_on_their_levels(counted, lowest)


def rough(c):
    """Valleys that bend, join and part along x."""

    def chi2(x, y):
        bent = 3 * (y**2 - 1 - 0.5 * c[0] * x) ** 2 + 2 * c[1] * x * y + (x - c[3]) ** 2
        waves = 3 * np.sin(2 * c[4] * x + 3 * y * c[5]) + 4 * c[2] * y**3 * np.exp(-(y**2))
        return bent + waves + 0.05 * y**4

    return chi2


@pytest.mark.parametrize("seed", range(5))
def test_rough_functions_against_a_fine_grid(seed):
    chi2 = rough(np.random.default_rng(seed).normal(size=6))
    table = [parameter("x", bounds=(-3.0, 3.0)), parameter("y", bounds=(-4.0, 4.0))]
    result = profile(Batched(table, chi2, step=2.0**-9), "x", free="y", levels=(0.6827, 0.90))
    assert result.status == "converged"
    y = np.linspace(-4, 4, 8001)
    on_curve = np.array([np.min(chi2(x, y)) for x in result.x.tolist()])
    assert np.all(result.chi2 <= on_curve + 1e-9)
    close(result.chi2, on_curve, atol=1e-4)
    x = np.linspace(-3, 3, 1201)
    fine = np.array([np.min(chi2(v, y)) for v in x.tolist()])
    assert result.chi2_min <= fine.min() + 1e-9
    for key, spans in result.intervals.items():
        inside = np.any([(x >= a - 0.005) & (x <= b + 0.005) for a, b in spans], axis=0)
        assert np.all(inside[fine < result.chi2_min + result.levels[key]])
        strictly = np.any([(x > a + 0.005) & (x < b - 0.005) for a, b in spans], axis=0)
        assert np.all(fine[strictly] < result.chi2_min + result.levels[key] + 1e-4)


# --- several further parameters ---


def gaussian(size, seed=3):
    """A Gaussian in x and others, correlated, and the error of x with the others free."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(size, size))
    covariance = A @ A.T + 0.1 * np.eye(size)
    inverse, names = np.linalg.inv(covariance), ["x", *"abcdef"[: size - 1]]

    def chi2(**values):
        v = [values[n] for n in names]
        pairs = ((i, j) for i in range(size) for j in range(size))
        return sum(inverse[i, j] * v[i] * v[j] for i, j in pairs)

    table = [parameter(n, scale=s) for n, s in zip(names, [1, 0.1, 10, 1, 3, 0.5], strict=False)]
    return Batched(table, chi2, step=2.0**-8), names, covariance[0, 0] ** 0.5


@pytest.mark.parametrize("size", [2, 4])
def test_errors_of_a_gaussian(size):
    toy, names, sd = gaussian(size)
    result = profile(toy, "x", free=names[1:], levels=LEVELS)
    for level in LEVELS:
        half = sd * np.sqrt(delta_chi2_at(level))
        close(result.intervals[f"{level:g}" if level != 0.9 else "0.90"], [(-half, half)], 1e-6)
    inside = np.abs(result.x) < 10 * sd
    close(result.chi2[inside], (result.x[inside] / sd) ** 2, atol=1e-7)


def test_nonlinear_nuisances_are_profiled_by_default():
    """x + n with n constrained to 0.5: errors add in quadrature; with n held, only one is left."""
    table = [
        parameter("x", bounds=(-9.0, 9.0)),
        parameter("n", kind="nuisance", prior=Normal(0.0, 0.5), scale=0.5),
    ]
    toy = Batched(table, lambda x, n: ((x + n - 1) / 0.3) ** 2 + (n / 0.5) ** 2, step=2.0**-8)
    half = np.hypot(0.3, 0.5)
    result = profile(toy, "x", levels=(0.6827,))
    assert result.free == ("n",)
    close(result.intervals["0.6827"], [(1 - half, 1 + half)])
    held = profile(toy, "x", levels=(0.6827,), fixed={"n": 0.1})
    close(held.intervals["0.6827"], [(0.6, 1.2)])


def test_data_reach_what_is_profiled():
    table = [parameter("x", bounds=(-9.0, 9.0)), parameter("y")]
    toy = Batched(table, lambda x, y, data=0.0: (x - y) ** 2 + (y - data) ** 2, step=2.0**-8)
    result = profile(toy, "x", free="y", data=3.0, levels=(0.6827,))
    close(result.intervals["0.6827"], [(3 - np.sqrt(2), 3 + np.sqrt(2))])


# --- slopes, ends, status ---


def test_the_slope_is_that_of_the_profile():
    """A profiled parameter is at its minimum and adds nothing to the slope of the profile."""
    curve = Curve(swap(), "x", ("y",), {}, (-3.0, 3.0))
    x = np.array([-2.3, -0.7, -0.2, 0.4, 1.9])
    curve.chi2(np.linspace(-3, 3, 13))
    close(curve.chi2(x), [lowest(v) for v in x], atol=1e-9)
    h = 1e-4
    slopes = [(lowest(v + h) - lowest(v - h)) / (2 * h) for v in x]
    close(curve.slope(x), slopes, atol=1e-6)
    scaled = Batched(
        [parameter("x", bounds=(-3.0, 3.0), scale=0.01), parameter("y", scale=7.0)],
        lambda x, y: (x - 1) ** 2 + (y - x) ** 2,
    )
    curve = Curve(scaled, "x", ("y",), {}, (-3.0, 3.0))
    curve.chi2(np.linspace(-3, 3, 13))
    close(curve.slope(np.array([-3.0, 0.5])), [-8.0, -1.0], atol=1e-5)


@pytest.mark.parametrize("physical", [(True, False), (False, False), (False, True)])
def test_an_interval_that_ends_at_a_physical_limit_is_closed(physical):
    """The minimum lies beyond the bound, where y follows x."""
    table = [parameter("x", bounds=(0.0, 9.0), physical=physical), parameter("y")]
    toy = Batched(table, lambda x, y: (x + 1) ** 2 + 5 * (y - x) ** 2, step=2.0**-8)
    result = profile(toy, "x", free="y", levels=(0.90,))
    assert result.best_fit == 0.0
    close(result.intervals["0.90"], [(0.0, np.sqrt(1 + delta_chi2_at(0.90)) - 1)])
    assert (0.0 in result.open_at) == (not physical[0])
    assert ("open" in result.lines()[1]) == (not physical[0])


@pytest.mark.parametrize(
    ("bound", "scale"), [(6.59, 0.18), (2.76, 0.68), (5.02, 0.6), (3.72, 0.91)]
)
@pytest.mark.parametrize("free", [(), ("y",)])
def test_an_end_that_rounding_would_move(bound, scale, free):
    """A bound that dividing and multiplying by the scale moves: best fit and interval end on it."""
    assert bound / scale * scale != bound
    table = [parameter("x", bounds=(0.0, bound), scale=scale, physical=(True, True))]
    toy = Batched([*table, parameter("y")], lambda x, y: (x - 90) ** 2 + (y - x) ** 2)
    result = profile(toy, "x", free=free, levels=(0.90,))
    assert result.best_fit == bound
    assert result.x[-1] == bound
    assert result.open_at == ()
    assert result.intervals["0.90"][0][1] == bound


def test_inner_fits_that_fail_for_a_part_of_the_range_are_reported():
    """Where x > 0.5 chi2 falls with |y| without end."""
    table = [parameter("x", bounds=(0.0, 1.0)), parameter("y")]

    def chi2(x, y):
        return 4 * x**2 + np.where(np.asarray(x) > 0.5, -np.log1p(y**2), y**2)

    result = profile(Batched(table, chi2), "x", free="y", levels=(0.6827,))
    assert result.status.startswith("not converged: inner fits failed at")
    assert "free fewer parameters or narrow the range" in result.status
    half = profile(Batched(table, chi2), "x", free="y", within=(0.0, 0.45), levels=(0.6827,))
    assert half.status == "converged"
    close(half.chi2, 4 * half.x**2, atol=1e-8)


def test_bad_input():
    for name in ("z", "x"):
        with pytest.raises(InputError, match=f"bounds name {name}, which is not free"):
            profile(swap(), "x", free="y", bounds={name: (0.0, 1.0)})
    with pytest.raises(InputError, match="low < high"):
        profile(swap(), "x", free="y", bounds={"y": (1.0, -1.0)})
    with pytest.raises(InputError, match="outside its bounds"):
        profile(swap(), "x", free="y", bounds={"y": (-4.0, 1.0)})
    with pytest.raises(InputError, match="both free and fixed"):
        profile(swap(), "x", free="y", fixed={"y": 1.0})


# --- CsI 2017 ---


@cache
def couplings():
    return Model(csi_2017(), owning(["eps_uV_ee", "eps_dV_ee"]))


def least_over(model, held, name, low, high, points=8001):
    """Least chi2 over one parameter by a fine scan and a parabola through its lowest points."""
    grid = np.linspace(low, high, points)
    chi2 = 2 * np.asarray(model.map(held, {name: grid}))
    k = int(np.argmin(chi2))
    if k in (0, points - 1):
        return chi2[k]
    a, b, c = chi2[k - 1 : k + 2]
    return b - (a - c) ** 2 / (8 * (a - 2 * b + c))


def test_two_couplings_against_a_fine_scan():
    """Two valleys of eps_dV for each eps_uV, of which the lower one changes."""
    result = profile(couplings(), "eps_uV_ee", free="eps_dV_ee", bounds={"eps_dV_ee": (-1.0, 1.0)})
    assert result.status == "converged"
    for i in np.linspace(0, len(result.x) - 1, 25).astype(int):
        held = {"eps_uV_ee": float(result.x[i])}
        expected = least_over(couplings(), held, "eps_dV_ee", -1.0, 1.0)
        assert result.chi2[i] == pytest.approx(expected, abs=1e-6)
    both = fit(
        couplings(),
        ["eps_uV_ee", "eps_dV_ee"],
        bounds={"eps_dV_ee": (-1.0, 1.0)},
    )
    assert result.chi2_min == pytest.approx(both.chi2, abs=1e-8)
    assert result.best_fit == pytest.approx(both.values["eps_uV_ee"], abs=1e-4)
    for key, spans in result.intervals.items():
        for end in np.ravel(spans).tolist():
            height = least_over(couplings(), {"eps_uV_ee": end}, "eps_dV_ee", -1.0, 1.0)
            assert height - result.chi2_min == pytest.approx(result.levels[key], abs=1e-5)


def test_two_radii_against_scipy():
    """The plain NumPy chi2, minimised over both neutron radii from several starts."""
    model = Model(csi_2017(), [StandardModel()])
    names = ("R_n_Cs", "R_n_I")
    result = profile(model, "sin2_theta_w", free=names, levels=(0.90,))
    assert result.status == "converged"
    low, high = model.parameters["R_n_Cs"].bounds
    for i in np.linspace(1, len(result.x) - 2, 4).astype(int):
        s = float(result.x[i])
        best = min(
            minimize(
                lambda R, s=s: witness.chi2(dict(zip(names, R, strict=True), sin2_theta_w=s)),
                start,
                bounds=[(low, high)] * 2,
                method="L-BFGS-B",
                options={"ftol": 1e-14, "gtol": 1e-8},
            ).fun
            for start in ([5.0, 5.0], [8.0, 2.0], [1.0, 1.0])
        )
        assert result.chi2[i] == pytest.approx(best, abs=2e-6)
        assert result.chi2[i] <= best + 1e-8


@pytest.mark.slow
def test_mass_of_a_mediator_against_a_fine_scan():
    """The mass is profiled over six decades; other minima lie where it interferes."""
    model = Model(csi_2017(), owning(["g_Zp", "m_Zp"]))
    result = profile(model, "g_Zp", free="m_Zp", within=(0.0, 1e-3), levels=(0.6827, 0.90))
    assert result.status == "converged"
    low, high = model.parameters["m_Zp"].bounds
    masses = np.unique(np.clip([low, *np.geomspace(max(low, 1e-3), high, 20_000)], low, high))
    for i in np.linspace(0, len(result.x) - 1, 15).astype(int):
        chi2 = 2 * np.asarray(model.map({"g_Zp": float(result.x[i])}, {"m_Zp": masses}))
        assert result.chi2[i] <= chi2.min() + 1e-8
        assert result.chi2[i] == pytest.approx(chi2.min(), abs=1e-3)


def test_profile_over_a_free_pull():
    """A free pull is profiled like any other parameter, with the result of the linear solver."""
    solved = Model(csi_2017(), [StandardModel()])
    name = "alpha_sig_csi2017"
    free_pulls = Model(csi_2017(), [StandardModel()], free_pulls=[name])
    ours = profile(free_pulls, "sin2_theta_w", levels=(0.6827,))
    assert ours.free == (name,)
    expected = 2 * np.asarray(solved.map({}, {"sin2_theta_w": ours.x}))
    close(ours.chi2, expected, atol=1e-8)
    low, high = ours.intervals["0.6827"][0]
    pieces = [2 * float(solved.profiled_nll({"sin2_theta_w": e})) for e in (low, high)]
    close(np.array(pieces) - ours.chi2_min, 1.0, atol=1e-8)
    assert all(a < b for a, b in pairwise(ours.x))


# --- minima of neighbours ---


def follower():
    """Follows y in (y^2 - 1)^2 + x y/10: at x > 0 the lower of two valleys has y < 0."""
    problem = by_point(
        lambda u: (
            (u[0] ** 2 - 1) ** 2 + u[1] * u[0] / 10,
            np.array([4 * u[0] * (u[0] ** 2 - 1) + u[1] / 10, u[0] / 10]),
        ),
        lambda u: np.array([[12 * u[0] ** 2 - 4, 0.1], [0.1, 0.0]]),
        np.full(2, -9.0),
        np.full(2, 9.0),
    )
    return MinimaFollower(problem, [np.ones(1)], "test")


def test_a_lower_valley_is_learnt_from_a_neighbour():
    one, points = follower(), np.array([[1.0], [2.0]])
    solved = one.solve(points, [[np.array([1.0])], [np.array([-1.0])]])
    both = one.spread(points, solved, lambda i: [1 - i])
    for x, minima in zip((1.0, 2.0), both, strict=True):
        assert minima[0].u[0] == pytest.approx(np.roots([4, 0, -4, x / 10]).real.min(), abs=1e-5)


def test_neighbours_that_agree_or_failed_are_not_tried(monkeypatch):
    one, points = follower(), np.array([[1.0], [1.1]])
    agreed = one.solve(points, [[np.array([-1.0])]] * 2)
    (right,), (left,) = one.solve(points, [[np.array([1.0])], [np.array([-1.0])]])
    monkeypatch.setattr(one, "solve", None)
    assert one.spread(points, agreed, lambda i: [1 - i]) == agreed
    failed = [(left,), (replace(right, edm=np.inf),)]
    assert one._foreign(failed, 0, [1]) == []
