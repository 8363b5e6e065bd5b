"""Impacts: rows are ranked, bars have two colours, pulls may be drawn beside them."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from cevnsjax.core.errors import InputError
from cevnsjax.plots import impacts, save
from cevnsjax.plots.style import BLUE, ORANGE

NAMES = ["small", "large", "alpha_sig_csi2017", r"$\alpha_{\mathrm{one}}^{\mathrm{side}}$"]
UP = np.array([0.1, -3.0, 2.0, 0.5])
DOWN = np.array([-0.1, 2.5, -1.0, 0.25])
PULLS = (np.array([0.1, 0.2, 0.3, np.nan]), np.array([0.9, 0.8, 0.7, np.nan]))
RANKED = [NAMES[i] for i in (1, 2, 3, 0)]


def draw(**changes):
    defaults = {"names": NAMES, "up": UP, "down": DOWN, "label": r"$R_n$ [fm]"}
    return impacts(**defaults | changes)


def rows(axes):
    return [t.get_text() for t in axes.get_yticklabels()]


def ends(patch):
    return patch.get_y(), patch.get_y() + patch.get_height()


def bars(axes):
    """Bars of +1 and of -1 sigma: [(width, lower edge, upper edge, colour)] of each row."""
    containers = [c for c in axes.containers if isinstance(c, BarContainer)]
    return [[(p.get_width(), *ends(p), to_hex(p.get_facecolor())) for p in c] for c in containers]


def test_the_largest_is_on_top():
    axes = draw().axes[0]
    assert rows(axes) == RANKED
    up, down = bars(axes)
    assert [b[0] for b in up] == [-3.0, 2.0, 0.5, 0.1]
    assert [b[0] for b in down] == [2.5, -1.0, 0.25, -0.1]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_up_and_down_have_colours_that_the_legend_names():
    figure = draw(sigma="prior", title="Title")
    up, down = bars(figure.axes[0])
    assert {b[3] for b in up} == {BLUE.lower()}
    assert {b[3] for b in down} == {ORANGE.lower()}
    legend = figure.axes[0].get_legend()
    assert [t.get_text() for t in legend.get_texts()] == [
        r"$+1\,\sigma$ (prior)",
        r"$-1\,\sigma$ (prior)",
    ]
    assert [to_hex(p.get_facecolor()) for p in legend.get_patches()] == [
        BLUE.lower(),
        ORANGE.lower(),
    ]
    assert legend.get_title().get_text() == "Title"


def test_bars_to_the_same_side_do_not_cover_each_other():
    up, down = bars(draw().axes[0])
    one_sided = RANKED.index(NAMES[3])
    assert_allclose(up[one_sided][2], down[one_sided][1])
    assert_allclose(up[0][1:3], down[0][1:3])


def test_labels_and_limits():
    axes = draw().axes[0]
    assert axes.get_xlabel() == r"impact on $R_n$ [fm]"
    low, high = axes.get_xlim()
    assert low == -high
    assert 3.0 < high < 4.0
    assert draw(up=UP * 0, down=DOWN * 0).axes[0].get_xlim() == (-1.0, 1.0)


def test_pulls_stand_before_the_bars_in_the_same_order():
    figure = draw(pulls=PULLS)
    left, right = figure.axes
    (points,) = [c for c in left.containers if isinstance(c, ErrorbarContainer)]
    assert_array_equal(points.lines[0].get_xdata(), [0.2, 0.3, np.nan, 0.1])
    assert rows(left) == RANKED
    assert left.get_ylim() == right.get_ylim()
    assert left.get_window_extent().x1 < right.get_window_extent().x0
    assert not any(tick.label1.get_visible() for tick in right.yaxis.get_major_ticks())


def test_only_the_most_important_are_shown_and_the_rest_is_counted():
    figure = draw(most=2, pulls=PULLS)
    left, right = figure.axes
    assert rows(left) == RANKED[:2]
    assert [t.get_text() for t in right.texts] == ["2 more, each within ±0.5"]
    assert right.texts[0].get_position()[1] == 2
    assert left.get_ylim() == right.get_ylim() == (2.7, -0.7)
    assert draw(most=4).axes[0].texts[:] == []


def test_twenty_are_shown_unless_told():
    names = [f"n{i}" for i in range(30)]
    size = np.geomspace(1.0, 100.0, 30)
    axes = impacts(names, size, -size, label="x").axes[0]
    assert rows(axes) == names[:9:-1]
    assert axes.texts[0].get_text().startswith("10 more")


def test_equal_impacts_stay_in_their_order():
    assert rows(draw(up=np.ones(4), down=-np.ones(4)).axes[0]) == NAMES


@pytest.mark.parametrize("number", [1, 30])
def test_names_stay_within_the_figure(number, tmp_path):
    names = [f"alpha_a_rather_long_name_csi{i}" for i in range(number)]
    figure = impacts(names, np.ones(number), -np.ones(number), label="x", most=30)
    figure.draw_without_rendering()
    frame = figure.axes[0].get_window_extent()
    for label in figure.axes[0].get_yticklabels():
        box = label.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= frame.x0
    assert save(figure, tmp_path / "impacts.png").stat().st_size > 4000


def test_given_axes():
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert draw(axes=[left, right], pulls=PULLS) is figure
    assert draw(axes=right) is figure
    with pytest.raises(InputError, match="2 axes with pulls; got 1"):
        draw(axes=left, pulls=PULLS)
    with pytest.raises(InputError, match="1 axes without pulls; got 2"):
        draw(axes=[left, right])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ["a", "b", "c", "a"]}, "names has a 2 times"),
        ({"up": UP[:3]}, r"up has shape \(3,\), expected \(4,\)"),
        ({"down": [0.0, np.nan, 0.0, 0.0]}, r"down is not finite at index \[1\]"),
        ({"most": 0}, "most is 0; show at least 1 row"),
        ({"pulls": (PULLS[0], UP[:2])}, "errors of pulls has shape"),
        ({"pulls": (PULLS[0], -PULLS[1])}, r"errors of pulls has -0.9 at index \[0\]"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
