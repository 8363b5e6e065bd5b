"""Correlations: colours centred at 0, numbers while they fit, hatches where one is unknown."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from cevnsjax.core.errors import InputError
from cevnsjax.plots import correlations, save
from cevnsjax.plots.likelihoods.correlations import DIVERGING
from cevnsjax.plots.style import BLACK

NAMES = ["eps_uV_ee", r"$\alpha_{\mathrm{sig}}^{\mathrm{csi2017}}$", "alpha_brn_csi2017"]
MATRIX = np.array([[1.0, -0.82, 0.004], [-0.82, 1.0, 0.35], [0.004, 0.35, 1.0]])


def draw(names=NAMES, matrix=MATRIX, **options):
    return correlations(names, matrix, **options)


def mesh(figure):
    (quad_mesh,) = [c for c in figure.axes[0].collections if isinstance(c, QuadMesh)]
    return quad_mesh


def numbers(figure):
    return {t.get_position(): t for t in figure.axes[0].texts}


def hatched(figure):
    return {p.get_xy(): p for p in figure.axes[0].patches}


def test_colours_are_centred_at_zero_and_diverge():
    figure = draw()
    figure.draw_without_rendering()
    cells = mesh(figure)
    assert cells.get_clim() == (-1.0, 1.0)
    assert_allclose(cells.get_array(), MATRIX)
    assert_allclose(cells.get_facecolor().reshape(3, 3, 4), DIVERGING((MATRIX + 1) / 2), atol=0.01)
    red, _, blue, _ = DIVERGING(1.0)
    assert red > blue
    red, _, blue, _ = DIVERGING(0.0)
    assert blue > red
    assert min(DIVERGING(0.5)) > 0.98


def test_numbers_are_printed_in_their_cells():
    shown = numbers(draw())
    assert shown[1, 0].get_text() == shown[0, 1].get_text() == "−0.82"
    assert shown[2, 1].get_text() == "0.35"
    assert shown[2, 0].get_text() == "0.00"
    assert shown[0, 0].get_text() == "1"
    assert shown[1, 0].get_color() == "white"
    assert shown[2, 1].get_color() == BLACK


def test_small_and_negative_zero_have_no_sign():
    shown = numbers(draw(matrix=np.where(MATRIX == 0.004, -0.004, MATRIX)))
    assert shown[2, 0].get_text() == "0.00"


@pytest.mark.parametrize(("number", "printed"), [(1, 1), (12, 144), (13, 0)])
def test_numbers_are_left_out_where_they_would_not_fit(number, printed):
    figure = draw([f"n{i}" for i in range(number)], np.eye(number))
    assert len(figure.axes[0].texts) == printed


def test_names_label_rows_and_columns_from_the_upper_left_corner():
    axes = draw().axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == NAMES
    assert [t.get_text() for t in axes.get_xticklabels()] == NAMES
    assert axes.get_xlim() == (-0.5, 2.5)
    assert axes.get_ylim() == (2.5, -0.5)


def test_what_is_unknown_is_hatched_and_explained():
    holes = MATRIX.copy()
    holes[1, :] = holes[:, 1] = np.nan
    figure = draw(matrix=holes)
    patches = hatched(figure)
    assert set(patches) == {(-0.5, 0.5), (0.5, 0.5), (1.5, 0.5), (0.5, -0.5), (0.5, 1.5)}
    assert all(p.get_hatch() for p in patches.values())
    assert set(numbers(figure)) == {(0, 0), (2, 0), (0, 2), (2, 2)}
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert texts == ["no error (on a bound)"]
    assert draw().axes[0].get_legend() is None


def test_the_title_stands_over_the_figure():
    assert draw(title="Title").axes[0].get_title(loc="left") == "Title"


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (1, "alpha_sig_csi{}"),
        (12, r"$\alpha_{{a}}^{{\mathrm{{x{}}}}}$"),
        (30, "alpha_steady_state_csi{}"),
    ],
)
def test_cells_are_square_and_names_keep_apart(number, form):
    figure = draw([form.format(2000 + i) for i in range(number)], np.eye(number))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    frame = axes.get_window_extent()
    assert_allclose(frame.width, frame.height, rtol=0.03)
    boxes = [t.get_window_extent() for t in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    for text in [*axes.get_yticklabels(), *axes.get_xticklabels()]:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0


def test_the_colour_bar_is_as_tall_as_the_matrix():
    figure = draw()
    figure.draw_without_rendering()
    (bar,) = figure.axes[0].child_axes
    frame, box = figure.axes[0].get_window_extent(), bar.get_window_extent()
    assert_allclose((box.y0, box.y1), (frame.y0, frame.y1))
    assert frame.x1 < box.x0
    assert bar.get_ylabel() == "correlation"


def test_given_axes_and_files(tmp_path):
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    assert draw(axes=axes) is figure
    assert axes.get_aspect() == 1.0
    assert save(figure, tmp_path / "given.png").stat().st_size > 5000
    assert save(draw(), tmp_path / "own.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (MATRIX[:2], r"matrix has shape \(2, 3\), expected \(3, 3\)"),
        (MATRIX * 4, r"matrix has 4 for eps_uV_ee and eps_uV_ee; .* within \[-1, 1\]: divide"),
        (MATRIX * 0.1, "matrix has 0.1 for eps_uV_ee with itself, which must be 1: divide"),
        (np.triu(MATRIX), "matrix is not symmetric: -0.82 for eps_uV_ee and .* the other way"),
    ],
)
def test_a_matrix_that_is_not_of_correlations_is_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        draw(matrix=matrix)


def test_names_are_distinct():
    with pytest.raises(InputError, match="names has a 3 times"):
        draw(["a", "a", "a"])
