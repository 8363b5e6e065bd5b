"""Posterior figures: regions hold their stated probability, bands are quantiles of the draws."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.contour import QuadContourSet
from matplotlib.patches import StepPatch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.interpolate import RegularGridInterpolator

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.plots import corner, predictive, save, trace
from cevnsjax.plots.posteriors.density import estimate

LEVELS = (0.6827, 0.90, 0.9545)
NOWHERE = (-np.inf, np.inf)


def gaussian(rho, size=1000, chains=4, seed=1):
    """Draws with unit variances, [axis, chain, draw]."""
    rng = np.random.default_rng(seed)
    drawn = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(chains, size))
    return np.moveaxis(drawn, -1, 0)


def area(kde, level):
    """Area of the most probable region, summed over cells of the grid."""
    inside = np.sum(kde.density >= kde.height(level))
    return inside * np.prod([x[1] - x[0] for x in kde.axes])


# --- regions ---
@pytest.mark.parametrize("rho", [0.0, 0.6, -0.95, 0.999])
def test_regions_of_a_correlated_gaussian(rho):
    """Regions have the areas of ellipses and hold their stated share of independent draws."""
    kde = estimate(gaussian(rho, size=3000), [NOWHERE] * 2)
    inside = RegularGridInterpolator(kde.axes, kde.density, bounds_error=False, fill_value=0)
    fresh = inside(gaussian(rho, size=50_000, seed=2).reshape(2, -1).T)
    for level in LEVELS:
        ellipse = -2 * np.pi * np.log(1 - level) * np.sqrt(1 - rho**2)
        # 12 000 draws place a height to a per cent; the grid resolves the narrow side.
        assert_allclose(area(kde, level), ellipse, rtol=0.05)
        assert_allclose(np.mean(fresh >= kde.height(level)), level, atol=0.015)


def test_the_estimate_integrates_to_one_and_is_the_density():
    kde = estimate(gaussian(0.6, size=5000), [NOWHERE] * 2)
    cell = np.prod([x[1] - x[0] for x in kde.axes])
    assert_allclose(kde.density.sum() * cell, 1, rtol=1e-6)
    points = np.stack(np.meshgrid(*kde.axes, indexing="ij"), axis=-1)
    exact = stats.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).pdf(points)
    # Square error within the half per cent that smoothness may cost, and noise.
    assert np.sum((kde.density - exact) ** 2) < 0.01 * np.sum(exact**2)


def test_regions_of_one_parameter():
    kde = estimate(gaussian(0.0, size=5000)[:1], [NOWHERE])
    for level in LEVELS:
        assert_allclose(area(kde, level), 2 * stats.norm.ppf((1 + level) / 2), rtol=0.03)
    assert_allclose(kde.density.max(), stats.norm.pdf(0), rtol=0.05)


def test_separated_modes_are_not_smeared_into_each_other():
    rng = np.random.default_rng(3)
    apart = gaussian(0.0, size=2000) * 0.1 + rng.choice([-1, 1], size=(4, 2000))
    pair, one = estimate(apart, [NOWHERE] * 2), estimate(apart[:1], [NOWHERE])
    for level in LEVELS:
        assert_allclose(area(pair, level), -4 * np.pi * np.log(1 - level) * 0.01, rtol=0.1)
        span = 2 * 2 * 0.1 * stats.norm.ppf((1 + level) / 2)
        assert_allclose(area(one, level), span, rtol=0.05)
    middle = [x.size // 2 for x in pair.axes]
    assert pair.density[tuple(middle)] < 1e-4 * pair.density.max()


def test_parallel_bands_that_end_on_bounds():
    """Flat along x, Gaussian in y: regions are as narrow as the bands and reach the bounds."""
    rng = np.random.default_rng(7)
    along, across = rng.uniform(-1, 1, size=(4, 1500)), 0.02 * rng.normal(size=(4, 1500))
    drawn = np.stack([along, rng.choice([0.0, 0.5], size=(4, 1500)) - 0.4 * along + across])
    kde = estimate(drawn, [(-1.0, 1.0), NOWHERE])
    for level in LEVELS:
        wide = 2 * stats.norm.ppf((1 + level) / 2) * 0.02
        assert_allclose(area(kde, level), 2 * 2 * wide, rtol=0.1)
        inside = kde.density >= kde.height(level)
        step = kde.axes[1][1] - kde.axes[1][0]
        assert_allclose(inside[[0, -1]].sum(axis=1) * step, 2 * wide, rtol=0.35)


def test_nothing_leaks_over_a_hard_end():
    """Half a Gaussian beside a bound, where a plain kernel would give half the density."""
    kde = estimate(np.abs(gaussian(0.0, size=5000)), [(0.0, np.inf), NOWHERE])
    assert kde.axes[0][0] > 0
    cell = np.prod([x[1] - x[0] for x in kde.axes])
    assert_allclose(kde.density.sum() * cell, 1, rtol=1e-6)
    x, marginal = kde.axes[0], kde.density.sum(axis=1) * (kde.axes[1][1] - kde.axes[1][0])
    assert_allclose(marginal[x < 0.1], 2 * stats.norm.pdf(0), rtol=0.08)
    flat = np.random.default_rng(4).uniform(size=(2, 4, 5000))
    kde = estimate(flat, [(0.0, 1.0)] * 2)
    assert_allclose(kde.density, 1, atol=0.2)
    assert_allclose(area(kde, 0.6827), 0.6827, atol=0.02)


def test_draws_on_a_line_have_a_density():
    line = gaussian(0.0)[0]
    kde = estimate(np.stack([line, 2 - 3 * line]), [NOWHERE] * 2)
    x, y = np.meshgrid(*kde.axes, indexing="ij")
    inside = kde.density >= kde.height(0.6827)
    assert_allclose(y[inside], 2 - 3 * x[inside], atol=0.3)
    assert_allclose(np.abs(x[inside]).max(), 1.0, atol=0.15)


def test_one_chain_will_do():
    kde = estimate(gaussian(0.6, size=8000, chains=1), [NOWHERE] * 2)
    assert_allclose(area(kde, 0.6827), -2 * np.pi * np.log(1 - 0.6827) * 0.8, rtol=0.05)


# --- corner ---
RHO = 0.6
DRAWS = dict(zip(("x", "y"), gaussian(RHO, size=3000), strict=True))


def draw(**changes):
    return corner(**{"draws": DRAWS, "labels": {"x": "$x$ [fm]"}} | changes)


def lines(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def legend(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def test_outlines_of_a_pair_are_ellipses():
    axes = draw().axes[2]
    outline = next(c for c in axes.collections if isinstance(c, QuadContourSet) and not c.filled)
    inverse = np.linalg.inv([[1, RHO], [RHO, 1]])
    # Levels of a density rise inwards.
    for level, path in zip(sorted(LEVELS)[::-1], outline.get_paths(), strict=True):
        at = path.vertices
        distance = np.einsum("ni,ij,nj->n", at, inverse, at)
        assert_allclose(np.mean(distance), -2 * np.log(1 - level), rtol=0.06)
        assert np.std(distance) < 0.25 * np.mean(distance)


def test_the_diagonal_is_filled_over_the_most_probable_range():
    axes = draw().axes[0]
    fills = {c.get_gid(): c for c in axes.collections if isinstance(c, FillBetweenPolyCollection)}
    for level in LEVELS:
        at = np.concatenate([p.vertices for p in fills[f"{level:g}"].get_paths()])[:, 0]
        reach = stats.norm.ppf((1 + level) / 2)
        assert_allclose([at.min(), at.max()], [-reach, reach], atol=0.1)
    (curve,) = lines(axes, "density")
    x, density = curve.get_data()
    assert_allclose(density, stats.norm.pdf(x), atol=0.02)


def test_labels_notes_and_legend():
    figure = draw(
        notes={"x": "0.00 ± 1.00"},
        title="Title",
        priors={"y": ([-5.0, 5.0], [0.1, 0.1])},
        exact={"x": (np.linspace(-3, 3, 7), stats.norm.pdf(np.linspace(-3, 3, 7)))},
        best_fit={"x": 0.1, "y": 0.2},
        points=[("SM", {"y": 6.0})],
    )
    first, above, pair, last = figure.axes
    assert not above.get_visible()
    assert [pair.get_xlabel(), pair.get_ylabel(), last.get_xlabel()] == ["$x$ [fm]", "y", "y"]
    assert [t.get_text() for t in first.texts] == ["0.00 ± 1.00"]
    regions = [f"{level} most probable" for level in ("68.27%", "90%", "95.45%")]
    assert legend(figure) == [*regions, "prior", "exact on a grid", "best fit", "SM"]
    assert first.get_legend().get_title().get_text() == "Title"
    (prior,) = lines(last, "prior")
    assert_array_equal(prior.get_ydata(), [0.1, 0.1])
    (exact,) = lines(first, "exact")
    assert_array_equal(exact.get_ydata(), stats.norm.pdf(np.linspace(-3, 3, 7)))
    # A point is shown in the panels that have its parameters, and never cut away.
    marks = [[line for line in a.lines if len(line.get_xdata()) == 1] for a in (first, pair, last)]
    assert [len(m) for m in marks] == [1, 1, 2]
    assert last.get_xlim()[1] > 6.0
    assert pair.get_ylim() == last.get_xlim()


def test_frames_stop_at_the_bounds_that_draws_reach():
    near = {"x": np.abs(DRAWS["x"]), "y": DRAWS["y"]}
    pair = draw(draws=near, bounds={"x": (0.0, 1e9)}).axes[2]
    assert pair.get_xlim()[0] == 0.0
    assert pair.get_xlim()[1] < 6


@pytest.mark.parametrize("number", [1, 2, 4])
def test_frames_are_equal_and_the_legend_covers_none(number, tmp_path):
    rng = np.random.default_rng(5)
    scales = (1e-6, 1.0, 3e5, 0.02)
    many = {f"p{k}": s * rng.normal(size=(2, 200)) for k, s in enumerate(scales[:number])}
    figure = corner(many, title="COHERENT CsI 2017")
    figure.draw_without_rendering()
    frames = [a.get_window_extent() for a in figure.axes if a.get_visible()]
    assert len(frames) == number * (number + 1) // 2
    box = figure.axes[0].get_legend().get_window_extent()
    assert not any(box.overlaps(frame) for frame in frames)
    assert box.x1 <= figure.bbox.x1
    assert_allclose([f.width for f in frames], frames[0].width, rtol=0.02)
    assert_allclose([f.height for f in frames], frames[0].height, rtol=0.02)
    assert save(figure, tmp_path / "corner.png").stat().st_size > 5_000


def test_jax_arrays_will_do():
    figure = corner({"x": jnp.asarray(DRAWS["x"])})
    assert_array_equal(
        lines(figure.axes[0], "density")[0].get_ydata(),
        lines(corner({"x": DRAWS["x"]}).axes[0], "density")[0].get_ydata(),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": {}}, "draws is empty"),
        ({"draws": {"x": np.zeros(5)}}, r"shape \(5,\), expected \[chain, draw\]"),
        ({"draws": {"x": np.eye(4)}}, "4 a chain; at least 10"),
        ({"draws": {"x": np.ones((2, 50))}}, "draws of x are all equal"),
        ({"draws": {"x": np.full((2, 50), np.nan)}}, "draws of x is not finite"),
        ({"draws": {**DRAWS, "z": DRAWS["x"][:2]}}, r"draws of z has shape \(2, 3000\)"),
        ({"draws": {f"p{k}": DRAWS["x"] for k in range(11)}, "labels": {}}, "up to 10 parameters"),
        ({"levels": (0.5, 0.5)}, "levels must differ"),
        ({"levels": (68.27,)}, r"within \(0, 1\)"),
        ({"bounds": {"x": (0.0, 1.0)}}, r"draws of x lie beyond its bounds \[0, 1\]"),
        ({"priors": {"x": ([1.0, 0.0], [1.0, 1.0])}}, "x of prior of x must increase"),
        ({"exact": {"x": ([0.0, 1.0], [1.0])}}, "density of exact of x has shape"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="unknown parameter 'z'; known: x, y"):
        draw(labels={"z": "$z$"})
    with pytest.raises(UnknownNameError, match="unknown parameter 'z'"):
        draw(points=[("SM", {"z": 0.0})])


# --- trace ---
def test_traces_and_ranks_are_those_of_the_chains():
    moved = DRAWS["x"][:, :500] + np.array([[0.5], [0.0], [0.0], [0.0]])
    stray = np.zeros(moved.shape, dtype=bool)
    stray[1, 7] = True
    figure = trace(
        {"x": moved, "y": DRAWS["y"][:, :500]},
        labels={"x": "$x$ [fm]"},
        r_hat={"x": 1.0234},
        ess={"x": (812.3, 640.0)},
        diverging=stray,
        title="Title",
    )
    left, right, second, _ = figure.axes
    for line, chain in zip(left.lines, moved, strict=False):
        assert_array_equal(line.get_ydata(), chain)
    (marks,) = lines(left, "divergent")
    assert_array_equal(marks.get_xdata(), [7])
    assert left.get_title(loc="left").startswith(r"$\hat{R}$ = 1.023")
    assert "effective draws: 812 (mean), 640 (tails)" in left.get_title(loc="left")
    assert second.get_title(loc="left") == ""
    assert (left.get_ylabel(), second.get_ylabel()) == ("$x$ [fm]", "y")
    assert second.get_xlabel() == "draw  (▲ divergent)"
    ranks = stats.rankdata(moved).reshape(moved.shape)
    bars = {p.get_gid(): p.get_data() for p in right.patches if isinstance(p, StepPatch)}
    expected = [np.histogram(r, 20, range=(0.5, moved.size + 0.5))[0] for r in ranks]
    for chain, counts in enumerate(expected):
        heights, _, base = bars[f"chain {chain}"]
        assert_allclose(heights - base, 0.9 * counts / np.max(expected), atol=1e-12)
    assert figure.get_suptitle() == "Title"


def test_trace_without_numbers(tmp_path):
    figure = trace({"x": DRAWS["x"][:1, :30]})
    assert figure.axes[0].get_xlabel() == "draw"
    assert save(figure, tmp_path / "trace.pdf").stat().st_size > 5_000
    with pytest.raises(InputError, match=r"diverging has shape \(3,\), expected \(4, 3000\)"):
        trace(DRAWS, diverging=[True, False, True])
    with pytest.raises(UnknownNameError, match="unknown parameter 'z'"):
        trace(DRAWS, r_hat={"z": 1.0})


# --- predictive ---
EDGES = np.array([6.0, 8.0, 10.0, 14.0])
COUNTS = np.random.default_rng(6).poisson([3.0, 20.0, 0.0], size=(2, 300, 3))
OBSERVED = np.array([5.0, 12.0, 0.0])


def test_bands_are_quantiles():
    upper, lower = predictive(EDGES, OBSERVED, COUNTS, title="Title").axes
    flat = COUNTS.reshape(-1, 3)
    median, sd = np.quantile(flat, 0.5, axis=0), np.std(flat, axis=0)
    sd[2] = 1.0  # nothing ever falls there
    for axes, shift, unit in ((upper, 0.0, 1.0), (lower, median, sd)):
        bands = {p.get_gid(): p.get_data() for p in axes.patches if isinstance(p, StepPatch)}
        for level in LEVELS:
            high, edges, low = bands[f"{level:g}"]
            ends = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=0)
            assert_allclose([low, high], (ends - shift) / unit)
            assert_array_equal(edges, EDGES)
        assert_allclose(bands["median"].values, (median - shift) / unit)
        (points,) = lines(axes, "data")
        assert_allclose(points.get_xdata(), [7, 9, 12])
        assert_allclose(points.get_ydata(), (OBSERVED - shift) / unit)
    assert lower.get_xlabel() == r"$n_\mathrm{PE}$"
    assert upper.get_ylabel() == "counts per bin"
    texts = [t.get_text() for t in upper.get_legend().get_texts()]
    assert texts == ["data", "median", *(f"{x} predicted" for x in ("68.27%", "90%", "95.45%"))]
    assert upper.get_legend().get_title().get_text() == "Title"
    assert lower.get_ylim()[1] >= np.abs((OBSERVED - median) / sd).max()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": COUNTS[0, 0]}, r"draws have shape \(3,\), expected \(..., 3\)"),
        ({"draws": COUNTS[..., :2]}, r"expected \(..., 3\) from the edges"),
        ({"draws": COUNTS[0, :5]}, "20 draws or more, got 5"),
        ({"observed": OBSERVED[:2]}, "observed has shape"),
        ({"levels": (1.0,)}, r"within \(0, 1\)"),
        ({"axes": []}, "2 axes, upper and lower; got 0"),
    ],
)
def test_predictions_that_cannot_be_drawn(changes, message):
    arguments = {"edges": EDGES, "observed": OBSERVED, "draws": COUNTS}
    with pytest.raises(InputError, match=message):
        predictive(**arguments | changes)
