"""Figures of the papers, drawn again: one file a paper."""

from cevnsjax.reproduce.figures.figure import PaperFigure as PaperFigure
from cevnsjax.reproduce.figures.figure import figures_of as figures_of

__all__ = ["PaperFigure", "figures_of"]
