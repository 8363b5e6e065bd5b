"""Fitted nuisances in units of their prior widths, one row each."""

from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import ArrayLike, NumpyReals, distinct, finite, reals
from cevnsjax.plots.frame import dress_rows, figure_of, legend_and_frames, row_height, single_frame
from cevnsjax.plots.style import BANDS, BLACK, VERMILION

PULL_LABEL = r"pull  $(\hat{\alpha} - \alpha_0)\,/\,\sigma_0$"
_WIDTH, _ROW, _DOUBLE_ROW = 2.3, 0.19, 0.26  # inch
_FIGURE_SPACE = "\u2007"  # as wide as a digit


def pulls(
    names: Iterable[str],
    values: ArrayLike,
    errors: ArrayLike,
    *,
    before: tuple[ArrayLike, ArrayLike] | None = None,
    legend: tuple[str, str] = ("fit", "before"),
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Pulls over the bands of their priors, the first on top; numbers on the right.

    Free parameters have no prior width, so they cannot be shown here.

    Args:
        names: What to print on the left, mathtext allowed, [nuisance].
        values: (Value - centre of the prior) / width of the prior, [nuisance] [1].
        errors: Error after the fit over the width of the prior, nan if there is none,
            [nuisance] [1].
        before: Values and errors of the same nuisances in another fit, e.g. with fewer data;
            nan where it has none, [nuisance] [1].
        legend: Names of the fit and of the other one.
        title: Line over the figure.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: At names that are not distinct, shapes that do not match, values that are not
            finite, or errors below 0.

    Examples:
        >>> figure = cj.plots.pulls(["a", "b"], [0.2, -1.0], [0.9, 0.8])
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['a', 'b']
    """
    rows = distinct("names", names)
    fitted = checked_pulls(len(rows), values, errors, all_finite=True)
    earlier = None if before is None else checked_pulls(len(rows), *before, what=" of before")
    own = axes is None
    with single_frame(axes, 8.0, 6.0 + _ROW * len(rows)) as axes:
        dress_rows(axes, rows)
        draw_bands(axes, fitted if earlier is None else np.hstack([fitted, earlier]))
        shift = 0.0 if earlier is None else 0.17
        handles: list[Artist | ErrorbarContainer] = [
            draw_pulls(axes, fitted, at=-shift, name=legend[0])
        ]
        if earlier is not None:
            handles.append(draw_pulls(axes, earlier, at=shift, name=legend[1], hollow=True))
        for width, shade in reversed(BANDS):
            handles.append(Patch(color=shade, linewidth=0, label=rf"prior $\pm{width:g}\,\sigma$"))
        axes.set_xlabel(PULL_LABEL)
        _numbers(axes, fitted)
        height = (len(rows) + 0.4) * row_height(axes, _ROW if earlier is None else _DOUBLE_ROW)
        legend_and_frames([axes], handles, _WIDTH, height, title, own)
    return figure_of(axes)


def checked_pulls(
    rows: int, values: ArrayLike, errors: ArrayLike, *, all_finite: bool = False, what: str = ""
) -> NumpyReals:
    """Pulls and their errors as one array [2, nuisance]; infinite numbers become nan.

    Raises:
        InputError: At another shape, an error below 0, or a value that must be finite and is not.
    """
    pulls = (finite if all_finite else reals)(f"values{what}", values, (rows,))
    both = np.stack([pulls, reals(f"errors{what}", errors, (rows,))])
    if np.any(both[1] < 0):
        worst = int(np.argmax(both[1] < 0))
        raise InputError(
            f"errors{what} has {both[1, worst]:g} at index [{worst}]; an error is at least 0, or "
            "nan if there is none"
        )
    return np.where(np.isfinite(both), both, np.nan)


def draw_bands(axes: Axes, drawn: NumpyReals) -> None:
    """Bands of the prior, and limits that hold two standard deviations and all [2, pull] [1]."""
    for width, shade in BANDS:
        axes.axvspan(-width, width, color=shade, linewidth=0, zorder=0)
    axes.axvline(0.0, color=BLACK, linewidth=0.7, zorder=1)
    ends = np.abs(drawn[0]) + np.nan_to_num(drawn[1])
    limit = max(2.6, 1.08 * float(np.nanmax(ends, initial=0.0)))
    axes.set_xlim(-limit, limit)


def draw_pulls(
    axes: Axes, drawn: NumpyReals, *, at: float = 0.0, name: str = "", hollow: bool = False
) -> ErrorbarContainer:
    """Pulls with their errors [2, nuisance], ``at`` below the middle of their rows."""
    colour = VERMILION if hollow else BLACK
    look = {"fmt": "o", "color": colour, "elinewidth": 1.0, "label": name, "zorder": 3}
    look |= {"markerfacecolor": "white" if hollow else colour, "markeredgewidth": 0.8}
    heights = np.arange(drawn.shape[1]) + at
    return axes.errorbar(drawn[0], heights, xerr=drawn[1], markersize=3.5, **look)


def _numbers(axes: Axes, drawn: NumpyReals) -> None:
    """Each pull and its error beside the frame, digit under digit."""
    texts = [f"{value:+.2f}".replace("-", "\u2212") for value in drawn[0]]
    errors = ["" if np.isnan(error) else f" ± {error:.2f}" for error in drawn[1]]
    longest = max(map(len, texts))
    for row, (text, error) in enumerate(zip(texts, errors, strict=True)):
        look = {"va": "center_baseline", "fontsize": mpl.rcParams["ytick.labelsize"]}
        number = text.rjust(longest, _FIGURE_SPACE) + error
        axes.text(1.03, row, number, transform=axes.get_yaxis_transform(), **look)
