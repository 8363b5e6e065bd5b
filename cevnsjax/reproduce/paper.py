"""A paper: rows in groups, texts below them, and figures.

Each folder in ``papers`` holds one ``Paper`` named ``PAPER``. It imports nothing heavy: functions
of groups and supplements are made by ``later``, and ``figures`` imports them when it is called.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from cevnsjax.reproduce.choices import CHOICES, explained
from cevnsjax.reproduce.rows import Published, Row, published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cost = Literal["quick", "slow"]
"""Quick is done in seconds."""
Missing = tuple[Published, str]
"""A row that was not computed, and why."""


def later(place: str, name: str, *arguments: object) -> Callable[[], Any]:
    """A call of a function in ``cevnsjax.reproduce.PLACE``, which is imported only then."""

    def call() -> object:
        return getattr(import_module(f"cevnsjax.reproduce.{place}"), name)(*arguments)

    return call


@dataclass(frozen=True)
class Group:
    """Rows that are computed together.

    Attributes:
        name: What they are about.
        cost: "quick" for seconds, "slow" for more.
        patterns: Names of its rows without the paper's prefix, with the wildcards of a shell.
        compute: Computes the rows; needs float64.
    """

    name: str
    cost: Cost
    patterns: tuple[str, ...]
    compute: Callable[[], Sequence[Row]]

    def holds(self, row: Published) -> bool:
        """Whether a published row belongs to the group."""
        name = row.id.partition("/")[2]
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class Supplement:
    """Text below the rows, such as what a variation of the analysis changes.

    Attributes:
        cost: "quick" for seconds, "slow" for more.
        text: Computes it as Markdown; needs float64.
    """

    cost: Cost
    text: Callable[[], str]


@dataclass(frozen=True)
class PaperFigure:
    """One figure of a paper.

    Attributes:
        name: Stem of its files, e.g. "fig2".
        title: What it shows, in one line that begins with the paper's own number.
        caption: What is drawn under which conventions, and where it differs from the paper's.
        draw: Computes and draws it; needs float64.
        cost: "quick" for seconds, "slow" for more.
    """

    name: str
    title: str
    caption: str
    draw: "Callable[[], Figure]"
    cost: Cost = "quick"


@dataclass(frozen=True)
class Paper:
    """A paper and how its numbers are computed.

    Attributes:
        name: Name here, that of its folder and of its file of published numbers.
        title: Title of the publication.
        reference: Authors, journal and year.
        groups: Its rows; each belongs to one group.
        supplements: Texts below the rows.
    """

    name: str
    title: str
    reference: str
    groups: tuple[Group, ...]
    supplements: tuple[Supplement, ...] = ()

    @property
    def heading(self) -> str:
        """Its name, title and reference, and the choices that its rows rest on, as Markdown."""
        choices = CHOICES.get(self.name, ())
        listed = f"\nRows rest on choices:\n\n{explained(choices)}" if choices else ""
        return f"## {self.name}\n\n{self.title}. {self.reference}\n{listed}"

    def figures(self) -> tuple[PaperFigure, ...]:
        """Its figures in the paper's order: ``FIGURES`` of ``figures.py`` in its folder."""
        return import_module(f"cevnsjax.reproduce.papers.{self.name}.figures").FIGURES

    def chosen(self, *, quick: bool) -> tuple[Group, ...]:
        """The groups to compute, with ``quick`` only those that are done in seconds."""
        return tuple(g for g in self.groups if not quick or g.cost == "quick")

    def missing(self, computed: Iterable[Row], groups: Iterable[Group]) -> list[Missing]:
        """Published rows that are not among the computed rows of these groups, and why."""
        ids, names = {row.published.id for row in computed}, {g.name for g in groups}
        rows = [row for row in published(self.name).values() if row.id not in ids]
        return [(row, self._why(row, names)) for row in rows]

    def _why(self, row: Published, computed: set[str]) -> str:
        for group in self.groups:
            if group.holds(row):
                left_out = f"{group.cost} group {group.name!r} was left out"
                return "its group gave no such row" if group.name in computed else left_out
        return "no analysis here computes it"
