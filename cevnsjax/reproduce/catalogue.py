"""The papers whose numbers are computed again: a further one is a folder and a line here."""

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.reproduce.paper import Paper
from cevnsjax.reproduce.papers import (
    aristizabal2018,
    coherent2017,
    coherent2020_lar,
    coherent2021,
    liao_marfatia2017,
    papoulias2020,
    papoulias_kosmas2019,
    picciau2020,
)

_FOLDERS = (
    coherent2017,
    coherent2020_lar,
    coherent2021,
    papoulias2020,
    papoulias_kosmas2019,
    aristizabal2018,
    liao_marfatia2017,
    picciau2020,
)
PAPERS: dict[str, Paper] = {folder.PAPER.name: folder.PAPER for folder in _FOLDERS}
"""Papers by name."""


def paper_of(name: str) -> Paper:
    """A paper by its name; an UnknownNameError lists the names that are known."""
    if name not in PAPERS:
        error = UnknownNameError("paper", name, PAPERS)
        if "known:" not in str(error):
            error = UnknownNameError("paper", name, PAPERS, f"known: {', '.join(PAPERS)}")
        raise error
    return PAPERS[name]
