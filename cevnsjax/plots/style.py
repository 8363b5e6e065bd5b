"""One look for every figure, and saving that never half-writes or overwrites by accident."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from cevnsjax.core.files import FIGURES, check_output, write_atomically

# Okabe and Ito: told apart with every common form of colour blindness.
BLUE, SKY, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
GREEN, PURPLE, BLACK, GREY = "#009E73", "#CC79A7", "#000000", "#8C8C8C"
CURVES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)
BANDS = ((2.0, "#EDEDED"), (1.0, "#D2D2D2"))
"""Half widths in standard deviations and shades of what lies behind pulls, widest first."""
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
    """Text for an observable, neutrino source or background, with its unit if it has one.

    Args:
        name: Name as the package spells it, e.g. "n_pe", "nu_mu_bar", "prompt_neutrons".
    """
    return LABELS.get(name, name.replace("_", " "))


def level_label(name: str) -> str:
    """Text for a confidence level, e.g. "90% CL" for "0.90"; other names stay as they are.

    Args:
        name: Key of a level: its coverage [1] in decimals.
    """
    try:
        return f"{100 * float(name):.6g}% CL"
    except ValueError:
        return name


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each source or background: the fixed one, or the next free grey.

    Args:
        names: Sources and backgrounds in the order they are drawn.
    """
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
        figure: What to write.
        path: File ending in .png, .pdf or .svg.
        overwrite: Whether an existing file may be replaced.
        dpi: Resolution of .png [1/inch]; 300 if None.

    Returns:
        The path written.

    Raises:
        InputError: At a path that ``check_output`` refuses; nothing is written then.
    """
    target = check_output(path, overwrite=overwrite, suffixes=FIGURES)
    suffix = target.suffix.lower()

    def write(part: Path) -> None:
        with mpl.rc_context(STYLE):
            resolution = STYLE["savefig.dpi"] if dpi is None else dpi
            with _quiet_fonts():
                figure.savefig(part, format=suffix[1:], metadata=_METADATA[suffix], dpi=resolution)

    write_atomically(target, write)
    return target
