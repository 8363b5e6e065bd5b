"""Frames keep their size, legends fit above them, labels of logarithmic axes do not overlap."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from cevnsjax.plots import ContourSet, contours, profile

X = np.linspace(-1.0, 1.0, 41)
BOWL = 8 * (X[:, None] ** 2 + X**2)
LEVELS = {"0.6827": 2.2957, "0.90": 4.6052}
NAMES = ["CsI[Na] 2017", "LAr 2020", "CsI[Na] 2017 + LAr 2020"]


def regions(*names, **options):
    sets = [ContourSet(X, X, BOWL, LEVELS, name, best_fit=(0.0, 0.0)) for name in names]
    return contours(sets, x_label="x", y_label="y", **options)


def boxes(figure):
    figure.draw_without_rendering()
    axes = figure.axes[0]
    return axes.get_window_extent(), axes.get_legend().get_window_extent(), figure.bbox


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:2], NAMES, [n + " and more" for n in NAMES]])
def test_a_legend_of_any_length_fits_and_leaves_the_frame_its_size(names):
    points = [("SM", 0.0, 0.0), ("another point with a name", 0.5, 0.5)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame, legend, page = boxes(regions(*names, points=points, title="Title"))
    assert legend.x1 <= page.x1
    assert legend.y1 <= page.y1
    assert legend.y0 >= frame.y1
    assert frame.width > 2.6 * 150
    assert frame.height > 2.4 * 150


def test_a_long_title_is_broken_at_spaces_outside_formulas():
    formula = r"$\alpha \, + \, \beta$"
    figure = regions(NAMES[0], title=f"a title of many words and {formula} " * 4)
    _, legend, page = boxes(figure)
    lines = figure.axes[0].get_legend().get_title().get_text().split("\n")
    assert len(lines) > 2
    assert " ".join(lines).count(formula) == 4
    assert all(line.count("$") % 2 == 0 for line in lines)
    assert legend.x1 <= page.x1
    assert legend.y1 <= page.y1


def test_a_profile_with_many_curves_keeps_its_height():
    others = [(f"a curve with a long name {i}", X, X**2 + i) for i in range(8)]
    figure = profile(
        X,
        8 * X**2,
        label="x",
        best_fit=0.0,
        intervals={},
        levels={"0.90": 2.7055},
        others=others,
        name="first",
    )
    frame, legend, page = boxes(figure)
    assert frame.height > 1.95 * 150
    assert legend.y1 <= page.y1


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1.0, 1e4, {"$\\mathdefault{10^{0}}$", "$\\mathdefault{10^{4}}$"}),
        (3.0, 50.0, {"5", "10", "20", "50"}),
        (6.05e-5, 6.95e-5, {r"$\mathdefault{6.2}$", r"$\mathdefault{6.8}$"}),
        (2e-5, 7e-4, {r"$5\times10^{-5}$", r"$1\times10^{-4}$", r"$2\times10^{-4}$"}),
    ],
)
def test_logarithmic_axes_of_any_width_have_labels_that_keep_apart(low, high, labels):
    x = np.geomspace(low, high, 30)
    figure = profile(
        x,
        np.linspace(0, 4, 30),
        label="x",
        best_fit=None,
        intervals={},
        levels={"0.90": 2.7055},
        x_scale="log",
    )
    figure.draw_without_rendering()
    axes = figure.axes[0]
    left, right = axes.get_xlim()
    shown = [
        t
        for t in [*axes.get_xticklabels(), *axes.get_xticklabels(minor=True)]
        if t.get_text() and left <= t.get_position()[0] <= right
    ]
    assert (axes.xaxis.get_offset_text().get_text() != "") == (high / low < 5)
    assert labels <= {t.get_text() for t in shown}
    extents = sorted((t.get_window_extent() for t in shown), key=lambda box: box.x0)
    assert len(extents) >= 2
    assert all(a.x1 < b.x0 for a, b in pairwise(extents))
