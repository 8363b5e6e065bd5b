"""Spectrum plot: the figure shows the numbers that were passed."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from numpy.testing import assert_allclose, assert_array_equal

from cevnsjax.core.errors import InputError
from cevnsjax.plots import spectrum

EDGES = np.array([6.0, 8.0, 10.0, 12.0, 14.0])
OBSERVED = np.array([9.0, 24.0, 17.0, -2.0])
VARIANCE = np.array([61.0, 158.0, 81.0, 42.0])
SIGNAL = {
    "nu_e": np.array([2.0, 6.0, 5.0, 1.0]),
    "nu_mu": np.array([3.0, 5.0, 2.0, 0.0]),
    "nu_mu_bar": np.array([3.0, 8.0, 8.0, 3.0]),
}
BACKGROUND = {"prompt_neutrons": np.array([0.5, 1.0, 0.5, 0.25])}


def draw(**changes):
    defaults = {
        "edges": EDGES,
        "observed": OBSERVED,
        "variance": VARIANCE,
        "signal": SIGNAL,
        "background": BACKGROUND,
    }
    return spectrum(**defaults | changes)


def stairs(figure):
    return {p.get_label(): p.get_data() for p in figure.axes[0].patches if isinstance(p, StepPatch)}


def boxes_in_axes(axes):
    """Legend and note in data coordinates."""
    inverse = axes.transData.inverted()
    return [
        block.get_window_extent().transformed(inverse) for block in [axes.get_legend(), *axes.texts]
    ]


def test_points_and_their_errors_are_the_data():
    figure = draw()
    (points,) = [c for c in figure.axes[0].containers if isinstance(c, ErrorbarContainer)]
    line, _, (bars,) = points.lines
    assert_array_equal(line.get_xdata(), [7, 9, 11, 13])
    assert_array_equal(line.get_ydata(), OBSERVED)
    ends = np.array(bars.get_segments())[:, :, 1]
    assert_allclose(ends.T, [OBSERVED - np.sqrt(VARIANCE), OBSERVED + np.sqrt(VARIANCE)])


def test_the_stack_adds_up_from_backgrounds_to_sources():
    drawn = stairs(draw())
    assert list(drawn) == [
        "prompt neutrons",
        r"$\nu_\mu$",
        r"$\bar{\nu}_\mu$",
        r"$\nu_e$",
        "total",
    ]
    base = np.zeros(4)
    parts = [BACKGROUND["prompt_neutrons"], *(SIGNAL[s] for s in ("nu_mu", "nu_mu_bar", "nu_e"))]
    for (values, edges, baseline), part in zip(drawn.values(), parts, strict=False):
        assert_array_equal(edges, EDGES)
        assert_allclose(baseline, base)
        assert_allclose(values, base + part)
        base = base + part
    assert_allclose(drawn["total"].values, sum(parts))


def test_residuals_are_in_units_of_sigma():
    (points,) = [line for line in draw().axes[1].lines if line.get_label() == "residual"]
    total = sum([*SIGNAL.values(), *BACKGROUND.values()])
    assert_allclose(points.get_ydata(), (OBSERVED - total) / np.sqrt(VARIANCE))


def test_residual_bands_reach_one_and_two_sigma():
    heights = sorted(p.get_height() for p in draw().axes[1].patches)
    assert heights == [2.0, 4.0]


def test_a_large_residual_stays_within_the_frame():
    figure = draw(observed=OBSERVED + 100)
    lower = figure.axes[1]
    residual = next(line for line in lower.lines if line.get_label() == "residual").get_ydata()
    assert lower.get_ylim()[1] > residual.max() > 4


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_legend_and_note_keep_off_the_data(order):
    tall = {s: 10 * np.array([9.0, 7.0, 2.0, 1.0])[order] for s in SIGNAL}
    data = sum(tall.values())
    figure = draw(observed=data, variance=data, signal=tall, note="line one\nline two")
    figure.draw_without_rendering()
    axes = figure.axes[0]
    tops = data + np.sqrt(data) + BACKGROUND["prompt_neutrons"]
    for box in boxes_in_axes(axes):
        under = (EDGES[1:] > box.x0) & (EDGES[:-1] < box.x1)
        assert under.any()
        assert tops[under].max() < box.y0
        assert box.y1 < axes.get_ylim()[1]
        assert axes.get_xlim()[0] < box.x0 < box.x1 < axes.get_xlim()[1]


@pytest.mark.parametrize(
    ("edges", "observable", "text"),
    [
        (EDGES, "n_pe", "counts / 2 PE"),
        (EDGES / 4, "E_ee_keV", "counts / 0.5 keV"),
        ([0, 1, 2, 4, 8], "T_nr_keV", "counts / bin (1 to 4 keV)"),
        (EDGES, "f90", "counts / 2"),
    ],
)
def test_y_label_says_the_width_of_a_bin(edges, observable, text):
    assert draw(edges=edges, observable=observable).axes[0].get_ylabel() == text


def test_observable_title_and_note_are_shown():
    figure = draw(observable="T_nr_keV", title="Title", note="chi2 = 4")
    upper, lower = figure.axes
    assert lower.get_xlabel() == r"$T_\mathrm{nr}$ [keV]"
    assert upper.get_title(loc="left") == "Title"
    assert [t.get_text() for t in upper.texts] == ["chi2 = 4"]


def test_sources_keep_their_colours_whatever_else_is_drawn():
    def paint(figure):
        return {p.get_label(): p.get_facecolor() for p in figure.axes[0].patches[:-1]}

    alone = paint(draw(signal={"nu_e": SIGNAL["nu_e"]}, background={}))
    among = paint(draw(background=BACKGROUND | {"odd": np.ones(4)}))
    assert alone[r"$\nu_e$"] == among[r"$\nu_e$"]
    assert len(set(among.values())) == 5


def test_given_axes_are_drawn_into():
    figure = Figure(layout="constrained")
    left, _ = figure.subfigures(1, 2)
    pair = left.subplots(2, 1)
    assert draw(axes=pair) is figure
    assert pair[0].get_legend() is not None
    with pytest.raises(InputError, match="2 axes"):
        draw(axes=pair[:1])


def test_jax_arrays_and_one_bin_will_do():
    figure = spectrum(
        [6, 30], jnp.array([142.0]), jnp.array([961.0]), {"nu_e": jnp.array([150.0])}, {}
    )
    assert_allclose(stairs(figure)["total"].values, [150.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observed": OBSERVED[:3]}, r"observed has shape \(3,\), expected \(4,\)"),
        ({"variance": np.ones((2, 2))}, r"variance has shape \(2, 2\)"),
        ({"variance": np.array([1.0, 0.0, 1.0, 0.0])}, r"variance .* bins \[1, 3\]; merge"),
        ({"signal": {"nu_e": np.ones(5)}}, r"signal nu_e has shape \(5,\)"),
        ({"background": {"odd": np.ones(3)}}, r"background odd has shape \(3,\)"),
        ({"background": {"odd": np.array([1, np.nan, 1, 1])}}, r"odd is not finite at index \[1\]"),
        ({"background": {"nu_e": np.ones(4)}}, "nu_e given as signal and as background"),
        ({"signal": {}, "background": {}}, "nothing is predicted"),
        ({"edges": EDGES[::-1]}, "edges must increase"),
        ({"edges": [6.0]}, "edges needs at least 2"),
        ({"edges": np.ones((2, 2))}, "edges must have one dimension"),
        ({"observed": ["a", "b", "c", "d"]}, "observed must be an array of numbers"),
    ],
)
def test_what_cannot_be_drawn_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        draw(**changes)
