"""Profile plot: curves, levels and intervals are those that were passed."""

import math
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal

from cevnsjax.core.errors import InputError
from cevnsjax.plots import profile

X = np.linspace(-2.0, 2.0, 81)
LEVELS = {"0.6827": 1.0, "0.90": 2.7055}
INTERVALS = {"0.6827": [(-1.0, 1.0)], "0.90": [(-1.6449, 1.6449)]}


def draw(**changes):
    defaults = {
        "x": X,
        "delta_chi2": X**2,
        "label": "x [fm]",
        "best_fit": 0.0,
        "intervals": INTERVALS,
        "levels": LEVELS,
    }
    return profile(**defaults | changes)


def lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


def spans(figure):
    """Shaded intervals: {level: [(low, high, height)]}."""
    by_level = {}
    for p in figure.axes[0].patches:
        if isinstance(p, Rectangle):
            ends = (p.get_x(), p.get_x() + p.get_width(), p.get_height())
            by_level.setdefault(p.get_gid(), []).append(ends)
    return by_level


def test_curve_and_best_fit_are_as_given():
    drawn = lines(draw())
    assert_array_equal(drawn["profile"].get_xdata(), X)
    assert_array_equal(drawn["profile"].get_ydata(), X**2)
    assert_array_equal(drawn["best fit"].get_data(), [[0.0], [0.0]])
    assert "best fit" not in lines(draw(best_fit=None))


def test_every_interval_is_shaded_up_to_its_level():
    shaded = spans(draw())
    assert_allclose(shaded["0.6827"], [(-1.0, 1.0, 1.0)])
    assert_allclose(shaded["0.90"], [(-1.6449, 1.6449, 2.7055)])


def test_a_union_of_intervals_is_drawn_piece_by_piece():
    pieces = [(-1.5, -0.5), (0.5, 1.5)]
    shaded = spans(draw(delta_chi2=4 * (X**2 - 1) ** 2, intervals={"0.90": pieces}))
    assert_allclose([f[:2] for f in shaded["0.90"]], pieces)
    assert set(shaded) == {"0.90"}


def test_open_intervals_end_at_the_frame_without_a_mark():
    figure = draw(intervals={"0.90": [(-math.inf, 1.0)]})
    assert_allclose(spans(figure)["0.90"], [(-2.0, 1.0, 2.7055)])
    marks = [s for c in figure.axes[0].collections for s in c.get_segments()]
    assert_allclose(marks, [[[1.0, 0.0], [1.0, 2.7055]]])


def test_an_interval_outside_the_scan_is_not_drawn():
    assert spans(draw(intervals={"0.90": [(3.0, 4.0)]})) == {}


def test_levels_are_lines_named_beside_the_frame():
    axes = draw().axes[0]
    heights = [line.get_ydata()[0] for line in axes.lines if line.get_label().startswith("_")]
    assert heights == [1.0, 2.7055]
    assert [t.get_text() for t in axes.texts] == ["68.27% CL", "90% CL"]
    assert_allclose(axes.get_ylim(), (0.0, 1.5 * 2.7055))


def test_names_of_close_levels_do_not_overlap():
    figure = draw(levels={"0.95": 3.8415, "0.9545": 4.0, "0.99": 6.63}, intervals={})
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_other_curves_are_overlaid_and_named():
    wide = np.linspace(-3, 3, 31)
    figure = draw(name="CsI", others=[("LAr", wide, 2 * wide**2)])
    assert_array_equal(lines(figure)["LAr"].get_ydata(), 2 * wide**2)
    low, high = figure.axes[0].get_xlim()
    top = figure.axes[0].get_ylim()[1]
    widest = X[top >= X**2]
    assert -3 <= low < widest.min()
    assert widest.max() < high <= 3
    names = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert names == ["CsI", "LAr", "best fit"]


def test_unknown_points_leave_a_gap():
    delta_chi2 = np.where(X > 1, np.inf, X**2)
    drawn = lines(draw(delta_chi2=delta_chi2))["profile"].get_ydata()
    assert_array_equal(np.isnan(drawn), X > 1)


def test_titles_and_axes():
    figure = Figure()
    axes = figure.subplots()
    assert draw(axes=axes, title="Title") is figure
    assert axes.get_xlabel() == "x [fm]"
    assert axes.get_legend().get_title().get_text() == "Title"
    bare = draw(best_fit=None, title="Title").axes[0]
    assert bare.get_title(loc="left") == "Title"


def test_logarithmic_axis():
    x = np.geomspace(1e-5, 1e-3, 20)
    figure = draw(x=x, delta_chi2=x**2 * 1e7, intervals={"0.90": [(0, 5e-4)]}, x_scale="log")
    assert figure.axes[0].get_xscale() == "log"
    assert_allclose(spans(figure)["0.90"], [(1e-5, 5e-4, 2.7055)])
    with pytest.raises(InputError, match="logarithmic axis needs values above 0"):
        draw(x_scale="log")


def test_a_logarithmic_axis_shows_what_lies_below_the_top():
    x = np.geomspace(1e-6, 1e-2, 81)
    axes = draw(x=x, delta_chi2=(x / 1e-5) ** 2, best_fit=None, intervals={}, x_scale="log").axes[0]
    left, right = axes.get_xlim()
    assert left == 1e-6
    assert 2.01e-5 < right < 5e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"delta_chi2": X[:5]}, r"delta_chi2 of profile has shape \(5,\), expected \(81,\)"),
        ({"delta_chi2": np.full(81, np.nan)}, "0 finite values"),
        ({"x": X[::-1]}, "x of profile must increase"),
        ({"levels": {}}, "levels is empty"),
        ({"levels": {"0.90": -1.0}}, "level 0.90 has Delta chi2 -1.0"),
        ({"levels": {"0.90": 1.0, "0.6827": 1.0}}, "are both 1.0"),
        ({"intervals": {"0.99": [(0.0, 1.0)]}}, "intervals at 0.99 .* levels are 0.6827, 0.90"),
        ({"intervals": {"0.90": [(1.0, 0.0)]}}, "needs low < high"),
        ({"others": [("LAr", X, X[1:])]}, "delta_chi2 of LAr has shape"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
