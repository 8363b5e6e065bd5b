"""Figures, axes and legends that all plots share."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator, NullLocator

from cevnsjax.core.errors import InputError
from cevnsjax.plots.arrays import NumpyReals
from cevnsjax.plots.style import STYLE
from cevnsjax.plots.text import drawable

Scale = Literal["linear", "log"]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure [inch] outside pyplot's list, so it needs no display and no closing."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, hspace=0.0)
    return Figure(figsize=(width, height), layout=layout)


@contextmanager
def single_frame(axes: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """Axes to draw into with the package's style: those given, or those of a new figure [inch]."""
    with mpl.rc_context(STYLE):
        yield new_figure(width, height).subplots() if axes is None else axes


def stacked_frames(
    axes: Iterable[Axes] | None, height: float, ratio: float, *, what: str
) -> tuple[Axes, Axes]:
    """Upper and lower axes with a common abscissa: those given, or those of a new figure.

    The figure has this height [inch], the frames this ratio of heights; messages name the plot.

    Raises:
        InputError: At another number of axes.
    """
    if axes is None:
        pair = list(new_figure(3.6, height).subplots(2, 1, sharex=True, height_ratios=(ratio, 1)))
    else:
        pair = list(axes)
    if len(pair) != 2:
        raise InputError(f"{what} draws into 2 axes, upper and lower; got {len(pair)}")
    for panel in pair:
        dress(panel)
    pair[0].tick_params(labelbottom=False)
    figure_of(pair[0]).align_ylabels(pair)
    return pair[0], pair[1]


def figure_of(axes: Axes) -> Figure:
    """The whole figure that axes belong to, also from within a subfigure."""
    figure = axes.figure
    root = figure.figure if isinstance(figure, SubFigure) else figure
    if not isinstance(root, Figure):
        raise InputError("the axes do not belong to a figure; make them with Figure.subplots()")
    return root


def _lay_out(figure: Figure) -> None:
    """Place the frames, which costs a fraction of drawing them."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def dress(axes: Axes) -> None:
    """Ticks inwards on all four sides, with minor ticks, and labels that do not overlap."""
    axes.minorticks_on()
    axes.tick_params(which="both", direction="in", top=True, right=True, width=0.7)
    axes.tick_params(which="major", length=4, pad=4, labelsize=STYLE["xtick.labelsize"])
    axes.tick_params(which="minor", length=2)
    if isinstance(axes.xaxis.get_major_locator(), MaxNLocator):
        axes.locator_params(axis="x", nbins=8, steps=[1, 2, 5, 10])


def scale_axes(setter: Callable[[str], None], scale: Scale, what: str, values: NumpyReals) -> None:
    """Set a logarithmic scale; "linear" leaves the scale of axes that were given as it is.

    The setter is ``set_xscale`` or ``set_yscale``. Values that are not above 0 on a logarithmic
    axis raise an InputError that names them.
    """
    if scale == "linear":
        return
    if values.min() <= 0:
        raise InputError(
            f"{what} starts at {values.min():g}; a logarithmic axis needs values above 0"
        )
    setter(scale)


def dress_rows(axes: Axes, names: Sequence[str]) -> None:
    """Named rows from the top down, centred at 0, 1, 2, ..., with ticks on the abscissa only."""
    dress(axes)
    axes.yaxis.set_minor_locator(NullLocator())
    name_rows(axes, names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.3, -0.7)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Names on the left of rows at 0, 1, 2, ..."""
    # Formulas with indices above and below are centred as a whole, words on their letters.
    formulas = any("$" in name for name in names)
    names = list(map(drawable, names))
    axes.set_yticks(range(len(names)), names, va="center" if formulas else "center_baseline")


def row_height(axes: Axes, least: float) -> float:
    """Height of a row at which names of rows do not overlap, at least ``least`` [inch]."""
    heights = [text.get_window_extent().height for text in axes.get_yticklabels()]
    return max([least, *(1.12 * h / figure_of(axes).dpi for h in heights)])


def set_frames(
    across: Sequence[Axes], width: float, height: float, *, down: Sequence[Axes] = ()
) -> None:
    """Resize a figure until its frames are of this size, whatever is written around them.

    Width and height [inch] are those of all frames in a row and in a column that span the figure;
    the column is the first of the row if empty.
    """
    figure = figure_of(across[0])
    _lay_out(figure)
    # The slots of the layout, from which an aspect ratio may take away.
    whole = figure.get_size_inches()
    wide = sum(a.get_position(original=True).width for a in across) * whole[0]
    high = sum(a.get_position(original=True).height for a in down or across[:1]) * whole[1]
    figure.set_size_inches(whole[0] + width - wide, whole[1] + height - high)


def legend_above(
    axes: Axes, handles: Sequence[Any], *, title: str, min_height: float = 0.0
) -> None:
    """Legend over the frame, where it can never cover a curve, with the title on top.

    It has as many columns as fit over the frame, three at most. The labelled artists fill column
    after column. A figure of one frame grows until the frame has its least height [inch].
    """
    label_as_drawable(handles)
    if handles or title:
        _place_legend(axes, handles, drawable(title))
    if min_height:
        figure = figure_of(axes)
        _lay_out(figure)
        missing = min_height - axes.get_window_extent().height / figure.dpi
        if missing > 0:
            width, height = figure.get_size_inches()
            figure.set_size_inches(width, height + missing)


def label_as_drawable(handles: Sequence[Any]) -> None:
    """Make the labels of artists such that matplotlib can read their formulas."""
    for handle in handles:
        handle.set_label(drawable(handle.get_label()))


def legend_and_frames(
    across: Sequence[Axes],
    handles: Sequence[Any],
    width: float,
    height: float,
    title: str,
    own: bool,
) -> None:
    """Legend over the last frame of a row; a figure of our own is resized as by ``set_frames``."""
    if own:
        set_frames(across, width, height)
    legend_above(across[-1], handles, title=title)
    if own:
        set_frames(across, width, height)


def _place_legend(axes: Axes, handles: Sequence[Any], title: str) -> None:
    _lay_out(figure_of(axes))
    frame, around = axes.get_window_extent(), axes.get_tightbbox()
    room = (around.x1 if around is not None else frame.x1) - frame.x0
    size = STYLE["legend.title_fontsize" if handles else "axes.titlesize"]
    heading = _wrapped(axes, title, room, size)
    if not handles:
        axes.set_title(heading, loc="left")
        return
    columns = 2 if len(handles) == 4 else min(len(handles), 3)
    while columns > 1 and _legend(axes, handles, "", columns).get_window_extent().width > room:
        columns -= 1
    _legend(axes, handles, heading, columns)


def _wrapped(axes: Axes, title: str, room: float, size: float) -> str:
    """The title in lines no wider than the room [pixel], broken at spaces outside formulas."""
    probe = axes.text(0.0, 0.0, title, fontsize=size)
    lines = [title]
    if probe.get_window_extent().width > room:
        lines = []
        for word in re.findall(r"(?:\\\$|\$[^$]*\$|\S)+", title):
            longer = f"{lines[-1]} {word}" if lines else word
            probe.set_text(longer)
            if lines and probe.get_window_extent().width <= room:
                lines[-1] = longer
            else:
                lines.append(word)
    probe.remove()
    return "\n".join(lines)


def _legend(axes: Axes, handles: Sequence[Any], title: str, columns: int) -> Legend:
    legend = axes.legend(
        handles=list(handles),
        title=title or None,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.3,
        borderpad=0.0,
    )
    legend.set_alignment("left")
    return legend
