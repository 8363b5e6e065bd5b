"""What a figure of a paper is, and where a paper's figures are found."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

from matplotlib.figure import Figure


@dataclass(frozen=True)
class PaperFigure:
    """One figure of a paper.

    Attributes:
        name: Stem of its files, e.g. "fig2".
        title: What it shows, in one line that begins with the paper's own number.
        caption: What is drawn under which conventions, and where it and the paper's part.
        draw: Computes and draws it; needs float64.
        cost: "quick" for seconds, "slow" for more.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]
    cost: Literal["quick", "slow"] = "quick"


def figures_of(paper: str) -> tuple[PaperFigure, ...]:
    """Figures of a paper in the paper's order; none if it has no file here.

    Args:
        paper: Name of the paper, e.g. "papoulias2020".
    """
    place = f"cevnsjax.reproduce.papers.{paper}.figures"
    return import_module(place).FIGURES if find_spec(place) is not None else ()
