"""Contour plot: vertices lie where Delta chi2 equals the level."""

import warnings

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from cevnsjax.core.errors import InputError
from cevnsjax.plots import ContourSet, contours

X, Y = np.linspace(-3.0, 3.0, 301), np.linspace(-2.0, 4.0, 241)
LEVELS = {"0.6827": 2.2957, "0.90": 4.6052}


def paraboloid(x, y):
    return 2.0 * (x - 0.3) ** 2 + 1.5 * (y - 1.0) ** 2 + 0.8 * (x - 0.3) * (y - 1.0)


GRID = paraboloid(X[:, None], Y[None, :])


def one(**changes):
    defaults = {"x": X, "y": Y, "delta_chi2": GRID, "levels": LEVELS}
    return ContourSet(**defaults | changes)


def draw(*curves, **options):
    return contours(curves, x_label="x", y_label="y", **options)


def drawn(figure, filled=False):
    sets = [c for c in figure.axes[0].collections if isinstance(c, QuadContourSet)]
    return [c for c in sets if c.filled == filled]


def names(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def test_vertices_lie_on_their_level():
    (lines,) = drawn(draw(one()))
    assert_allclose(lines.levels, list(LEVELS.values()))
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        x, y = path.vertices.T
        assert len(x) > 100
        assert np.ptp(x) > np.ptp(y) * 0.5
        assert_allclose(paraboloid(x, y), level, atol=1e-3)


def test_only_the_first_set_is_filled():
    figure = draw(one(label="CsI"), one(delta_chi2=3 * GRID, label="LAr"))
    (filled,) = drawn(figure, filled=True)
    assert_allclose(filled.levels[1:], list(LEVELS.values()))
    first, second = (to_hex(c.get_edgecolor()[0]) for c in drawn(figure))
    assert first != second


def test_one_set_is_named_in_the_heading_and_its_levels_in_the_legend():
    figure = draw(one(label="CsI", best_fit=(0.3, 1.0)), points=[("SM", 0.0, 0.0)])
    assert names(figure) == ["68.27% CL", "90% CL", "best fit", "SM"]
    assert figure.axes[0].get_legend().get_title().get_text() == "CsI"


def test_several_sets_share_the_names_of_their_levels():
    figure = draw(one(label="CsI"), one(label="LAr", levels={"0.90": 4.6052}), one())
    assert names(figure) == ["CsI", "LAr", "set 3", "68.27% CL", "90% CL"]
    both, single, _ = drawn(figure)
    assert both.get_linestyle()[1] == single.get_linestyle()[0]


def test_best_fits_and_points_are_where_they_should_be():
    figure = draw(one(best_fit=(0.3, 1.0)), points=[("SM", 0.0, -0.5)])
    at = [(*line.get_xdata(), *line.get_ydata()) for line in figure.axes[0].lines]
    assert at == [(0.3, 1.0), (0.0, -0.5)]


def test_a_point_on_the_edge_is_whole_and_one_beyond_is_hidden():
    at = [("corner", 3.0, 4.0), ("inside", 0.0, 0.0), ("beyond", 3.1, 0.0)]
    figure = draw(one(), points=at)
    assert [line.get_clip_on() for line in figure.axes[0].lines] == [False, False, True]


def test_the_frame_spans_all_grids():
    axes = draw(one(), one(x=X + 2), points=[("far", 99.0, 0.0)]).axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-3.0, 5.0), (-2.0, 4.0))


def test_levels_beyond_the_grid_raise_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        everywhere = draw(one(delta_chi2=GRID * 1e-3))
        nowhere = draw(one(delta_chi2=GRID + 50))
    assert drawn(everywhere) == drawn(nowhere) == []
    assert drawn(everywhere, filled=True)


def test_unknown_points_are_left_out():
    holes = np.where(X[:, None] > 0.5, np.nan, GRID)
    (lines,) = drawn(draw(one(delta_chi2=holes)))
    assert np.concatenate([p.vertices for p in lines.get_paths()])[:, 0].max() <= 0.5


def test_given_axes_and_logarithmic_scales():
    figure = Figure()
    axes = figure.subplots()
    mass, g = np.geomspace(1e-2, 1e3, 40), np.geomspace(1e-6, 1e-2, 50)
    grid = ContourSet(mass, g, (1e5 * g / (1 + mass[:, None])) ** 2, {"0.90": 4.6052})
    assert draw(grid, axes=axes, x_scale="log", y_scale="log") is figure
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    with pytest.raises(InputError, match="y starts at -2; a logarithmic axis"):
        draw(one(), y_scale="log")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"delta_chi2": GRID.T}, r"delta_chi2 \[x, y\] has shape \(241, 301\)"),
        ({"delta_chi2": GRID.T, "label": "LAr"}, "delta_chi2 of LAr"),
        ({"levels": {}}, "levels is empty"),
        ({"x": X[::-1]}, "x must increase"),
        ({"best_fit": (np.nan, 0.0)}, "best_fit is not finite"),
        ({"delta_chi2": np.full(GRID.shape, np.inf)}, "0 finite values"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        one(**changes)


def test_nothing_to_draw():
    with pytest.raises(InputError, match="curves is empty"):
        draw()
