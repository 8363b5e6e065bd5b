"""Projections: each panel shows the minimum over the parameters that are not its axes."""

import itertools
import warnings

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from cevnsjax.core.errors import InputError
from cevnsjax.plots import projections, save

LEVELS_1D = {"0.6827": 1.0, "0.90": 2.7055}
LEVELS_2D = {"0.6827": 2.2957, "0.90": 4.6052}
GRIDS = [np.linspace(-3, 3, 25), np.linspace(-2.5, 3.5, 21), np.linspace(-4, 4, 17)]
COVARIANCE = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.2]])


def parabola(grids):
    number = len(grids)
    inverse = np.linalg.inv(COVARIANCE[:number, :number])
    points = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1)
    return np.einsum("...i,ij,...j", points, inverse, points)


CUBE = parabola(GRIDS)


def draw(**changes):
    defaults = {
        "grids": GRIDS,
        "delta_chi2": CUBE,
        "labels": ["$a$", "$b$ [fm]", "$c$"],
        "levels_1d": LEVELS_1D,
        "levels_2d": LEVELS_2D,
    }
    return projections(**defaults | changes)


def panels(figure, number=3):
    return np.array(figure.axes).reshape(number, number)


def legend(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def curve(axes):
    return next(line for line in axes.lines if len(line.get_xdata()) > 2)


def outlines(axes):
    return [c for c in axes.collections if isinstance(c, QuadContourSet) and not c.filled]


def test_the_diagonal_is_the_minimum_over_all_others():
    grid = panels(draw())
    for i, others in enumerate([(1, 2), (0, 2), (0, 1)]):
        line = curve(grid[i, i])
        assert_array_equal(line.get_xdata(), GRIDS[i])
        assert_allclose(line.get_ydata(), CUBE.min(axis=others))


def test_levels_cross_the_diagonal_and_fill_the_profile_below_them():
    axes = panels(draw())[0, 0]
    heights = [li.get_ydata()[0] for li in axes.lines if len(li.get_xdata()) == 2]
    assert sorted(heights) == list(LEVELS_1D.values())
    fills = {c.get_gid(): c for c in axes.collections if isinstance(c, PolyCollection)}
    for level, height in LEVELS_1D.items():
        vertices = np.concatenate([p.vertices for p in fills[level].get_paths()])
        assert_allclose(vertices[:, 1].max(), height)
        # The profile of the parameter i is x^2 / covariance[i, i].
        assert_allclose(vertices[:, 0].max(), np.sqrt(height), atol=0.05)


def test_panels_below_the_diagonal_are_minima_over_one_axis():
    grid = panels(draw())
    for j, i in itertools.combinations(range(3), 2):
        (lines,) = outlines(grid[i, j])
        assert_allclose(lines.levels, list(LEVELS_2D.values()))
        inverse = np.linalg.inv(COVARIANCE[np.ix_([j, i], [j, i])])
        for level, path in zip(lines.levels, lines.get_paths(), strict=True):
            vertices = path.vertices
            chi2 = np.einsum("ni,ij,nj->n", vertices, inverse, vertices)
            assert_allclose(chi2, level, rtol=0.15)
            assert len(vertices) > 20


def test_axes_are_named_at_the_edge_and_span_the_grids():
    grid = panels(draw(title="Title"))
    assert [a.get_xlabel() for a in grid[2]] == ["$a$", "$b$ [fm]", "$c$"]
    assert [a.get_ylabel() for a in grid[:, 0]] == [r"$\Delta\chi^2$", "$b$ [fm]", "$c$"]
    assert {a.get_xlabel() for a in grid[:2].flat} == {""}
    assert grid[2, 1].get_xlim() == (-2.5, 3.5)
    assert grid[2, 1].get_ylim() == (-4.0, 4.0)
    assert grid[0, 0].get_title(loc="left") == "Title"
    for i, j in itertools.product(range(3), repeat=2):
        assert grid[i, j].get_visible() == (j <= i)


def test_points_are_marked_in_every_panel():
    figure = draw(best_fit=[0.1, 0.2, 0.3], points=[("SM", (1.0, -1.0, 2.0))])
    grid = panels(figure)

    def marks(axes):
        return [(*m.get_xdata(), *m.get_ydata()) for m in axes.lines if len(m.get_xdata()) == 1]

    assert marks(grid[2, 1]) == [(0.2, 0.3), (-1.0, 2.0)]
    assert marks(grid[1, 1]) == [(0.2, 0.0), (-1.0, 0.0)]
    assert legend(figure) == ["68.27% CL", "90% CL", "best fit", "SM"]
    assert legend(draw()) == ["68.27% CL", "90% CL"]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_the_legend_covers_no_panel_and_frames_are_equal(number, tmp_path):
    grids = [np.linspace(-1, 1, 7 + i) for i in range(number)]
    values = sum(np.meshgrid(*[g**2 for g in grids], indexing="ij"))
    figure = draw(
        grids=grids,
        delta_chi2=4 * values,
        labels=list("wxyz"[:number]),
        points=[("a point with quite a long name", np.zeros(number))],
    )
    figure.draw_without_rendering()
    shown = [a for a in figure.axes if a.get_visible()]
    frames = [a.get_window_extent() for a in shown]
    box = figure.axes[0].get_legend().get_window_extent()
    assert not any(box.overlaps(frame) for frame in frames)
    assert box.x1 <= figure.bbox.x1
    assert_allclose([f.width for f in frames], frames[0].width, rtol=0.02)
    assert_allclose([f.height for f in frames], frames[0].height, rtol=0.02)
    assert save(figure, tmp_path / "triangle.png").stat().st_size > 10_000


def test_unknown_points_are_gaps_and_never_the_minimum():
    holes = CUBE.copy()
    holes[:3] = np.nan
    holes[3] = np.inf
    holes[10, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grid = panels(draw(delta_chi2=holes))
    profile = curve(grid[0, 0]).get_ydata()
    assert_array_equal(np.isnan(profile), np.arange(25) < 4)
    assert_allclose(profile[4:], np.nanmin(holes[4:], axis=(1, 2)))


def test_a_memory_map_is_read_where_it_lies(tmp_path):
    np.save(tmp_path / "scan.npy", CUBE.astype(np.float32))
    mapped = np.load(tmp_path / "scan.npy", mmap_mode="r")
    line = curve(panels(draw(delta_chi2=mapped))[1, 1])
    assert_allclose(line.get_ydata(), CUBE.min(axis=(0, 2)), rtol=1e-6)


def test_integers_and_lists_will_do():
    figure = projections(
        [[0, 1, 2], [0, 1, 2]],
        [[2, 1, 2], [1, 0, 1], [2, 1, 2]],
        labels=["x", "y"],
        levels_1d={"0.90": 1.5},
        levels_2d={"0.90": 1.5},
    )
    assert_array_equal(curve(figure.axes[0]).get_ydata(), [1, 0, 1])


def test_logarithmic_axes():
    mass, g = np.geomspace(1, 1e4, 30), np.geomspace(1e-6, 1e-2, 40)
    figure = draw(
        grids=[mass, g],
        delta_chi2=(1e5 * g / (1 + mass[:, None])) ** 2,
        labels=["$m$ [MeV]", "$g$"],
        scales=("log", "log"),
    )
    grid = panels(figure, 2)
    assert (grid[1, 0].get_xscale(), grid[1, 0].get_yscale()) == ("log", "log")
    assert (grid[1, 1].get_xscale(), grid[1, 1].get_yscale()) == ("log", "linear")
    with pytest.raises(InputError, match=r"grid of \$a\$ starts at -3; a logarithmic axis"):
        draw(scales=("log", "linear", "linear"))


def test_given_axes():
    figure = Figure(layout="constrained")
    grid = figure.subplots(3, 3)
    assert draw(axes=grid) is figure
    with pytest.raises(InputError, match=r"3 rows of 3 axes; got rows of \[3, 3\]"):
        draw(axes=grid[:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grids": GRIDS[:1], "labels": ["a"]}, "2 to 4 parameters, got 1 grids"),
        ({"grids": GRIDS * 2, "labels": list("abcdef")}, "got 6 grids; take the minimum"),
        ({"labels": ["a", "b"]}, "labels has 2 entries for 3 grids"),
        ({"labels": ["a", "b", "a"]}, "labels has a 2 times"),
        ({"scales": ("log",)}, "scales has 1 entries for 3 grids"),
        ({"delta_chi2": CUBE.T}, r"delta_chi2 has shape \(17, 21, 25\), expected \(25, 21, 17\)"),
        ({"delta_chi2": CUBE + 50}, "delta_chi2 is 50.* or more, above all levels; give chi2 less"),
        ({"delta_chi2": CUBE * np.nan}, "0 finite values"),
        ({"grids": [GRIDS[0][::-1], *GRIDS[1:]]}, r"grid of \$a\$ must increase"),
        ({"levels_1d": {"0.90": 2.7}}, "levels_1d has 0.90 and levels_2d 0.6827, 0.90; give the"),
        ({"levels_2d": {}}, "levels is empty"),
        ({"best_fit": [0.0, 1.0]}, r"best_fit has shape \(2,\), expected \(3,\)"),
        ({"points": [("SM", [0.0, np.nan, 0.0])]}, r"point SM is not finite at index \[1\]"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
