"""Colours, labels and settings of all figures, and saving a figure whole or not at all."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from cevnsjax.core.disk.files import FIGURES, check_output, write_output
from cevnsjax.core.levels import percent

# Okabe and Ito: distinct for every common form of colour blindness.
BLUE, SKY, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
GREEN, PURPLE, BLACK, GREY = "#009E73", "#CC79A7", "#000000", "#8C8C8C"
DARK_GREY = "#6E6E6E"
DASHED = (0, (4, 2))
DASHES = ("-", "--", "-.", ":")
MARKERS = ("*", "P", "X", "D", "^", "v")
CURVES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)
BANDS = ((2.0, "#EDEDED"), (1.0, "#D2D2D2"))
"""Half widths [standard deviations] and shades of the bands behind pulls, widest first."""
BACKGROUNDS = (GREY, "#BFBFBF", "#5F5F5F", "#DCDCDC")

COLOURS = {
    "nu_mu": BLUE,
    "nu_mu_bar": SKY,
    "nu_e": ORANGE,
    "prompt_neutrons": GREY,
    "neutrino_induced_neutrons": "#BFBFBF",
    "steady_state": "#DCDCDC",
}
LABELS = {
    "n_pe": r"$n_\mathrm{PE}$",
    "E_ee_keV": r"$E_\mathrm{ee}$ [keV]",
    "T_nr_keV": r"$T_\mathrm{nr}$ [keV]",
    "t_us": r"$t$ [$\mu$s]",
    "f90": r"$F_{90}$",
    "nu_e": r"$\nu_e$",
    "nu_mu": r"$\nu_\mu$",
    "nu_mu_bar": r"$\bar{\nu}_\mu$",
    "delta_chi2": r"$\Delta\chi^2$",
    "brn": "beam neutrons",
    "delayed_brn": "delayed neutrons",
    "nin": "induced neutrons",
}
UNITS = {"n_pe": "PE", "E_ee_keV": "keV", "T_nr_keV": "keV", "t_us": r"$\mu$s"}

# Any, because the type of the keys differs between releases of matplotlib.
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "text.usetex": False,
    "font.size": 8.5,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "legend.title_fontsize": 8.5,
    "legend.frameon": False,
    "legend.borderaxespad": 0.6,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.6,
    "legend.labelspacing": 0.4,
    "legend.columnspacing": 1.4,
    "axes.linewidth": 0.7,
    "axes.axisbelow": False,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.dpi": 300,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "cevnsjax",
}

# Dates and program versions would make equal figures differ byte by byte.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": "cevnsjax", "Producer": None},
    ".svg": {"Date": None, "Creator": "cevnsjax"},
}


def label(name: str) -> str:
    """Text for an observable, neutrino source or background such as "n_pe", with its unit."""
    return LABELS.get(name, name.replace("_", " "))


def level_label(name: str) -> str:
    """Text for the key of a confidence level, "90% CL" for "0.90"; other names stay as they are."""
    try:
        return f"{percent(name)}% CL"
    except InvalidOperation:
        return name


def shades(colour: str, number: int) -> list[str]:
    """So many shades of a colour, paled towards white, palest last."""
    ink = np.linspace(0.55, 0.2, number) if number > 1 else np.array([0.4])
    return [to_hex(tuple(1 - a * (1 - np.array(to_rgb(colour))))) for a in ink]


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each source or background: its fixed one, or the next free grey."""
    names = list(names)
    fixed = {n: COLOURS[n] for n in names if n in COLOURS}
    others = [n for n in names if n not in COLOURS]
    spare = [c for c in BACKGROUNDS if c not in fixed.values()] + [PURPLE, GREEN, VERMILION]
    return fixed | {n: spare[i % len(spare)] for i, n in enumerate(others)}


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Without the font library's warnings about dates in fonts that come with matplotlib."""
    logger = logging.getLogger("fontTools")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def save(
    figure: Figure, path: str | Path, *, overwrite: bool = False, dpi: float | None = None
) -> Path:
    """Write a figure whole or not at all; equal figures give equal files.

    Args:
        figure: The figure.
        path: File ending in .png, .pdf or .svg.
        overwrite: Whether an existing file may be replaced.
        dpi: Resolution of .png [1/inch]; 300 if None.

    Returns:
        The path written.

    Raises:
        InputError: At a path that cannot be written; nothing is written then.

    Examples:
        >>> figure = cj.plots.correlations(["a", "b"], [[1.0, 0.5], [0.5, 1.0]])
        >>> cj.plots.save(figure, "correlations.png").exists()
        True
    """
    target = check_output(path, overwrite=overwrite, suffixes=FIGURES)
    suffix = target.suffix.lower()

    def write(part: Path) -> None:
        with mpl.rc_context(STYLE):
            resolution = STYLE["savefig.dpi"] if dpi is None else dpi
            with _quiet_fonts():
                figure.savefig(part, format=suffix[1:], metadata=_METADATA[suffix], dpi=resolution)

    write_output(target, write, overwrite=overwrite)
    return target
