"""Pulls: points, bands and numbers stand at their rows, for few and for many rows."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from cevnsjax.core.errors import InputError
from cevnsjax.plots import pulls, save
from cevnsjax.plots.style import BANDS

NAMES = ["alpha_sig_csi2017", r"$\alpha_{\mathrm{brn}}^{\mathrm{csi2017}}$", "alpha_sig_lar2020"]
VALUES = np.array([0.314, -1.2, 0.0])
ERRORS = np.array([0.98, 0.4, np.nan])


def draw(**changes):
    defaults = {"names": NAMES, "values": VALUES, "errors": ERRORS}
    return pulls(**defaults | changes)


def containers(figure):
    return [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]


def texts(figure):
    return [t.get_text() for t in figure.axes[0].texts]


def legend(figure):
    return [t.get_text() for t in figure.axes[0].get_legend().get_texts()]


def test_points_and_errors_are_as_given_from_the_top_down():
    figure = draw()
    (points,) = containers(figure)
    line, _, (bars,) = points.lines
    assert_array_equal(line.get_xdata(), VALUES)
    assert_array_equal(line.get_ydata(), [0, 1, 2])
    segments = np.array([s[:, 0] for s in bars.get_segments() if len(s)])
    assert_allclose(segments[:2], [(0.314 - 0.98, 0.314 + 0.98), (-1.6, -0.8)])
    axes = figure.axes[0]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert [t.get_text() for t in axes.get_yticklabels()] == NAMES


def test_numbers_stand_on_the_right_of_their_rows():
    figure = draw()
    assert texts(figure) == ["+0.31 ± 0.98", "−1.20 ± 0.40", "+0.00"]
    for row, text in enumerate(figure.axes[0].texts):
        assert text.get_position()[0] > 1
        assert text.get_position()[1] == row


def test_decimal_points_stand_below_each_other():
    assert texts(draw(values=[-12.345, 3.4, 0.1])) == [
        "−12.35 ± 0.98",
        "\u2007+3.40 ± 0.40",
        "\u2007+0.10",
    ]


def test_bands_of_the_prior_lie_behind():
    patches = figure_bands(draw())
    assert [(p.get_x(), p.get_width(), to_hex(p.get_facecolor())) for p in patches] == [
        (-2.0, 4.0, BANDS[0][1].lower()),
        (-1.0, 2.0, BANDS[1][1].lower()),
    ]
    assert all(p.get_zorder() < 1 for p in patches)


def figure_bands(figure):
    return list(figure.axes[0].patches)


def test_the_frame_holds_far_pulls_with_their_errors_and_is_symmetric():
    low, high = draw(values=[0.0, -7.0, 1.0]).axes[0].get_xlim()
    assert low == -high
    assert high > 7.4
    assert draw(values=[0.0, 0.0, 0.0]).axes[0].get_xlim()[1] > 2


def test_another_fit_is_drawn_open_below_and_may_miss_some():
    figure = draw(before=([0.5, np.nan, 0.1], [1.0, np.nan, 0.9]), legend=("all", "CsI only"))
    after, before = containers(figure)
    assert_array_equal(before.lines[0].get_xdata(), [0.5, np.nan, 0.1])
    assert np.all(before.lines[0].get_ydata() > after.lines[0].get_ydata())
    assert before.lines[0].get_markerfacecolor() == "white"
    assert before.lines[0].get_color() != after.lines[0].get_color()
    assert legend(figure) == ["all", "CsI only", r"prior $\pm1\,\sigma$", r"prior $\pm2\,\sigma$"]
    assert texts(figure) == texts(draw())


def test_title_and_legend():
    figure = draw(title="Title")
    assert legend(figure) == ["fit", r"prior $\pm1\,\sigma$", r"prior $\pm2\,\sigma$"]
    assert figure.axes[0].get_legend().get_title().get_text() == "Title"
    assert "pull" in figure.axes[0].get_xlabel()


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (1, "alpha_sig_csi{}"),
        (12, r"$\alpha_{{a}}^{{\mathrm{{x{}}}}}$"),
        (30, "alpha_steady_state_csi{}"),
    ],
)
def test_names_and_numbers_keep_apart_and_within_the_figure(number, form):
    names = [form.format(2000 + i) for i in range(number)]
    figure = pulls(names, np.zeros(number), np.ones(number))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    labels = [t.get_window_extent() for t in axes.get_yticklabels()]
    numbers = [t.get_window_extent() for t in axes.texts]
    for boxes in (labels, numbers):
        assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    frame = axes.get_window_extent()
    assert all(0 <= b.x0 < b.x1 <= frame.x0 for b in labels)
    assert all(frame.x1 <= b.x0 < b.x1 <= figure.bbox.x1 for b in numbers)
    assert_allclose(frame.width / figure.dpi, 2.3, rtol=0.03)


def test_given_axes_jax_arrays_and_none_for_an_unknown_error(tmp_path):
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    assert pulls(iter(NAMES), jnp.array(VALUES), [1.0, None, 0.5], axes=axes) is figure
    assert save(figure, tmp_path / "pulls.png").stat().st_size > 5000
    assert save(draw(), tmp_path / "own.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": []}, "names is empty; give at least one name"),
        ({"names": "abc"}, "names is the text 'abc'; give a list"),
        ({"names": ["a", "b", "a"]}, "names has a 2 times; tell them apart"),
        ({"values": VALUES[:2]}, r"values has shape \(2,\), expected \(3,\)"),
        ({"values": [0.0, np.nan, 0.0]}, r"values is not finite at index \[1\]"),
        ({"errors": [1.0, -0.5, 1.0]}, r"errors has -0.5 at index \[1\]; an error is at least 0"),
        ({"before": (VALUES, ERRORS[:2])}, "errors of before has shape"),
        ({"values": ["a", "b", "c"]}, "values must be an array of numbers"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
