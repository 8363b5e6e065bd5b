"""Forecast plot: bands and limits are those that were passed."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from cevnsjax.core.errors import InputError
from cevnsjax.plots import forecast

X = np.geomspace(0.1, 100, 7)
SD = 0.1 / np.sqrt(X)
LEVELS = {"0.6827": 1.0, "0.90": 2.7055}
HALF_WIDTHS = np.outer(SD, [1.0, math.sqrt(2.7055)])


def draw(**changes):
    defaults = {
        "x": X,
        "low": 0.5 - HALF_WIDTHS,
        "high": 0.5 + HALF_WIDTHS,
        "truth": 0.5,
        "levels": LEVELS,
        "label": "s",
        "x_label": "exposure",
        "x_scale": "log",
    }
    return forecast(**defaults | changes)


def bands(figure):
    """Corners of each band by level."""
    return {c.get_gid(): c.get_paths()[0].vertices for c in figure.axes[0].collections}


def names(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def test_bands_are_the_intervals_the_widest_below():
    drawn = bands(draw())
    assert list(drawn) == ["0.90", "0.6827"]
    for k, level in enumerate(LEVELS):
        corners = drawn[level][drawn[level][:, 0] == X[0]][:, 1]
        assert_allclose([corners.min(), corners.max()], 0.5 + HALF_WIDTHS[0, k] * np.array([-1, 1]))


def test_levels_are_sorted_with_their_columns():
    swapped = draw(
        levels=dict(reversed(LEVELS.items())),
        low=0.5 - HALF_WIDTHS[:, ::-1],
        high=0.5 + HALF_WIDTHS[:, ::-1],
    )
    for level, corners in bands(draw()).items():
        assert_allclose(bands(swapped)[level], corners)


def test_legend_and_labels():
    figure = draw(sd=SD, title="Title")
    assert names(figure) == ["68.27% CL", "90% CL", "truth", "Fisher information"]
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("exposure", "s")
    assert axes.get_xscale() == "log"
    assert axes.get_legend().get_title().get_text() == "Title"


def test_a_quadratic_chi2_lies_on_the_ends():
    dashed = [line for line in draw(sd=SD).axes[0].lines if line.get_linestyle() == "--"]
    ends = np.sort([line.get_ydata() for line in dashed], axis=0)
    assert_allclose(ends, np.sort(np.hstack([0.5 - HALF_WIDTHS, 0.5 + HALF_WIDTHS]).T, axis=0))


def test_upper_limits_are_curves_on_logarithmic_axes():
    high = np.outer(X**-0.25, [1.0, 1.3])
    figure = draw(low=np.zeros((7, 2)), high=high, truth=0.0, sd=np.full(7, np.nan))
    axes = figure.axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert_allclose([line.get_ydata() for line in axes.lines], high.T)
    assert names(figure) == ["limit at 68.27% CL", "limit at 90% CL"]
    linear = draw(low=np.zeros((7, 2)), high=high, truth=0.0, x_scale="linear").axes[0]
    assert linear.get_yscale() == "linear"
    assert linear.get_ylim()[0] == 0


def test_open_ends_run_out_of_the_frame_and_unknown_ones_leave_gaps():
    low, high = 0.5 - HALF_WIDTHS, 0.5 + HALF_WIDTHS
    low[0], high[3] = -np.inf, np.nan
    axes = draw(low=low, high=high).axes[0]
    bottom, top = axes.get_ylim()
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_ydata()) == len(X)]
    assert sum(y[0] < bottom for y in drawn) == 2
    assert sum(np.isnan(y[3]) for y in drawn) == 2
    assert top > np.nanmax(high)


def test_given_axes_are_used():
    figure = Figure()
    axes = figure.subplots()
    assert draw(axes=axes) is figure


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": HALF_WIDTHS[:, 0]}, r"low has shape \(7,\), expected \(7, 2\)"),
        ({"high": HALF_WIDTHS[:3]}, r"high has shape \(3, 2\)"),
        ({"sd": SD[:2]}, "sd has shape"),
        ({"x": X[::-1]}, "x must increase"),
        ({"x": X - 1}, "logarithmic axis needs values above 0"),
        ({"levels": {}}, "levels is empty"),
        ({"truth": math.nan}, "truth is not finite"),
        ({"low": np.full((7, 2), -np.inf), "high": np.full((7, 2), np.inf)}, "nothing to draw"),
    ],
    ids=["low", "high", "sd", "order", "log", "levels", "truth", "infinite"],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
