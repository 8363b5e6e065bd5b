"""Rank histograms: counts per bin, bands and expectations."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from cevnsjax.core.errors import InputError
from cevnsjax.plots import ranks

EVEN = np.repeat(np.arange(100), 3)


def steps(figure, panel=0):
    """Band, expectation and ranks of a frame."""
    return [p.get_data() for p in figure.axes[panel].patches if isinstance(p, StepPatch)]


def test_counts_are_those_of_the_ranks():
    drawn_ranks = np.random.default_rng(1).integers(0, 100, 300)
    band, even, counted = steps(ranks({"x": drawn_ranks}, 99))
    expected, edges = np.histogram(drawn_ranks, bins=20, range=(0, 100))
    assert_array_equal(counted.values, expected)
    assert_array_equal(counted.edges, edges)
    assert_allclose(even.values, 15.0)
    assert_array_equal(band.edges, edges)


def test_band_holds_99_per_cent_of_a_binomial():
    band, *_ = steps(ranks({"x": EVEN}, 99))
    low, high = stats.binom(300, 0.05).interval(0.99)
    assert_allclose(band.baseline, low)
    assert_allclose(band.values, high)


def test_bins_may_hold_unequal_numbers_of_ranks():
    """0 to 100 are 101 ranks: bins of 5 and one of 6, each with its own expectation."""
    _, even, counted = steps(ranks({"x": np.arange(101).repeat(2)}, 100))
    assert counted.values.sum() == 202
    assert_allclose(even.values, counted.values)


def test_panels_labels_and_title():
    names = ["a", "b", "c", "d"]
    figure = ranks(dict.fromkeys(names, EVEN), 99, title="csi-2017")
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_xlabel() for axes in shown] == [f"rank of {n}" for n in names]
    assert shown[0].get_xlim() == (0, 100)
    legend = shown[0].get_legend()
    assert legend.get_title().get_text() == "csi-2017"
    assert [t.get_text() for t in legend.get_texts()] == ["ranks", "99% of uniform ranks"]
    width, height = shown[0].get_window_extent().size / figure.dpi
    assert (width, height) == pytest.approx((2.2, 1.5), rel=0.02)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "empty"),
        ({"x": EVEN[:5]}, "5 simulations"),
        ({"x": EVEN + 1}, "100; a rank is"),
        ({"x": EVEN + 0.5}, "0.5; a rank is"),
        ({"x": np.full(30, np.nan)}, "not finite"),
    ],
    ids=["none", "few", "above", "broken", "nan"],
)
def test_bad_input(values, message):
    with pytest.raises(InputError, match=message):
        ranks(values, 99)
