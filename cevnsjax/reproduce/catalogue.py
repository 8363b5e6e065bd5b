"""The papers whose numbers are computed again, and their rows in groups.

Nothing of a paper is imported before a group of its rows is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from typing import Any, Literal

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.reproduce.rows import Published, Row, published

Cost = Literal["quick", "slow"]
Missing = tuple[Published, str]


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
        """Whether a published row is one of the group's."""
        name = row.id.partition("/")[2]
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class Supplement:
    """Text that belongs below the rows, such as what a variation of the analysis changes.

    Attributes:
        cost: "quick" for seconds, "slow" for more.
        text: Computes it as Markdown; needs float64.
    """

    cost: Cost
    text: Callable[[], str]


@dataclass(frozen=True)
class Paper:
    """A paper and how its numbers are computed.

    Attributes:
        name: Name here, as its file of published numbers has it.
        title: Title of the publication.
        reference: Authors, journal and year.
        groups: Its rows; each belongs to one group.
        supplements: What is shown below them.
    """

    name: str
    title: str
    reference: str
    groups: tuple[Group, ...]
    supplements: tuple[Supplement, ...] = ()

    def chosen(self, *, quick: bool) -> tuple[Group, ...]:
        """The groups to compute.

        Args:
            quick: Only those that are done in seconds.
        """
        return tuple(g for g in self.groups if not quick or g.cost == "quick")

    def missing(self, done: Iterable[Row], groups: Iterable[Group]) -> list[Missing]:
        """Published rows that are not among those computed, and why.

        Args:
            done: Rows that were computed.
            groups: Groups that were computed.
        """
        have, asked = {row.published.id for row in done}, {g.name for g in groups}
        left = [row for row in published(self.name).values() if row.id not in have]
        return [(row, self._why(row, asked)) for row in left]

    def _why(self, row: Published, asked: set[str]) -> str:
        for group in self.groups:
            if group.holds(row):
                left_out = f"{group.cost} group {group.name!r} was left out"
                return "its group gave no such row" if group.name in asked else left_out
        return "no analysis here computes it"


def _later(module: str, function: str, *arguments: Any) -> Any:
    """Import a paper's module, then call one of its functions."""
    return getattr(import_module(f"cevnsjax.reproduce.{module}"), function)(*arguments)


def _group(
    name: str, cost: Cost, patterns: Iterable[str], module: str, function: str, *arguments: Any
) -> Group:
    return Group(name, cost, tuple(patterns), partial(_later, module, function, *arguments))


def _supplement(cost: Cost, module: str, function: str, *arguments: Any) -> Supplement:
    return Supplement(cost, partial(_later, module, function, *arguments))


def _electromagnetic(name: str, column: str, data: str) -> Sequence[Row]:
    from cevnsjax.reproduce.papers.picciau2020.electromagnetic import FIXED, FREE
    from cevnsjax.reproduce.papers.picciau2020.rows import electromagnetic_rows

    tables = [t for t in (*FIXED, *FREE) if (t.name, t.column) == (name, column)]
    return electromagnetic_rows(tables, [data])


def _conventions() -> str:
    from cevnsjax.reproduce.papers.picciau2020.electromagnetic import CONVENTIONS

    return CONVENTIONS


def _electromagnetic_groups() -> Iterable[Group]:
    words = {"radius": "charge radii", "charge": "electric charges", "moment": "magnetic moments"}
    columns = {
        "fixed": "fixed R_n",
        "fixed_flavourResolved": "fixed R_n, each source's own spectrum",
        "free": "free R_n",
    }
    for column, how in columns.items():
        for table, what in words.items():
            for data in ("CsI", "Ar", "CsI+Ar"):
                # The averaged spectrum is argon's, and moments alone have it.
                if column == "fixed_flavourResolved" and (table != "moment" or data == "CsI"):
                    continue
                compute = partial(_electromagnetic, table, column, data)
                names = (f"{table}.{data}.{column}.*",)
                yield Group(f"{what} from {data}, {how}", "slow", names, compute)


_MIXING_ANGLE_AND_RADIUS = ("N_SM.*", "sin2thetaW_90.*", "s2w_*", "R_n_*", "eq1[13]_*")
_LISTED = (
    Paper(
        "coherent2017",
        "Observation of coherent elastic neutrino-nucleus scattering",
        "D. Akimov et al. (COHERENT), Science 357, 1123 (2017)",
        (_group("events and significance", "quick", ("*",), "papers.coherent2017.rows", "rows"),),
        (_supplement("slow", "papers.coherent2017.rows", "smearings"),),
    ),
    Paper(
        "coherent2020_lar",
        "First measurement of coherent elastic neutrino-nucleus scattering on argon",
        "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 126, 012002 (2021)",
        (
            _group(
                "events and significance", "quick", ("*",), "papers.coherent2020_lar.rows", "rows"
            ),
        ),
        (
            _supplement("slow", "papers.coherent2020_lar.rows", "variations"),
            _supplement("slow", "papers.coherent2020_lar.rows", "variations", "computed"),
        ),
    ),
    Paper(
        "coherent2021",
        "Measurement of the coherent elastic neutrino-nucleus scattering cross section on CsI by "
        "COHERENT",
        "D. Akimov et al. (COHERENT), Phys. Rev. Lett. 129, 081801 (2022), arXiv:2110.07730",
        (
            _group(
                "events, cross section, mixing angle",
                "quick",
                ("*",),
                "papers.coherent2021.rows",
                "rows",
            ),
        ),
        (_supplement("slow", "papers.coherent2021.rows", "variations"),),
    ),
    Paper(
        "papoulias2020",
        "COHERENT constraints after the COHERENT-2020 quenching factor measurement",
        "D. K. Papoulias, Phys. Rev. D 102, 113004 (2020)",
        (
            _group(
                "events, mixing angle and radius",
                "quick",
                _MIXING_ANGLE_AND_RADIUS,
                "papers.papoulias2020.rows",
                "rows",
            ),
            *(
                _group(
                    f"interactions, {quenching} quenching factor",
                    "slow",
                    tuple(f"{stem}_*.{quenching}" for stem in ("eps", "r2", "mu_nu")),
                    "papers.papoulias2020.rows",
                    "interaction_rows",
                    quenching,
                )
                for quenching in ("old", "new")
            ),
        ),
    ),
    Paper(
        "papoulias_kosmas2019",
        "COHERENT constraints to conventional and exotic neutrino physics",
        "D. K. Papoulias and T. S. Kosmas, Phys. Rev. D 97, 033003 (2018); as quoted in 2019",
        (_group("mixing angle", "quick", ("*",), "papers.papoulias_kosmas2019.rows", "rows"),),
    ),
    Paper(
        "aristizabal2018",
        "COHERENT analysis of neutrino generalized interactions",
        "D. Aristizabal Sierra, V. De Romeri, N. Rojas, Phys. Rev. D 98, 075018 (2018)",
        (
            _group("one coupling", "quick", ("T1_*",), "papers.aristizabal2018.rows", "rows", (1,)),
            _group("two couplings", "slow", ("T2_*",), "papers.aristizabal2018.rows", "rows", (2,)),
        ),
    ),
    Paper(
        "liao_marfatia2017",
        "COHERENT constraints on nonstandard neutrino interactions",
        "J. Liao and D. Marfatia, Phys. Lett. B 775, 54 (2017)",
        tuple(
            _group(
                f"couplings up to {box}",
                "quick",
                (f"eq12_*_box_{box}_*",),
                "papers.liao_marfatia2017.rows",
                "rows",
                (box,),
            )
            for box in (0.5, 0.75, 1.0, 2.0)
        ),
    ),
    Paper(
        "picciau2020",
        "Constraints on light vector mediators through COHERENT data",
        "E. Picciau, slides (2020) of Cadeddu et al., Phys. Rev. D 102, 015030 and 101, 033004",
        (
            _group(
                "mixing angle, radius, events and couplings",
                "slow",
                ("sw2.*", "Rn_Ar.*", "LAr.*", "coupling.*", "r2_SM.*"),
                "papers.picciau2020.rows",
                "rows",
            ),
            *_electromagnetic_groups(),
        ),
        (Supplement("quick", _conventions),),
    ),
)
PAPERS = {paper.name: paper for paper in _LISTED}
"""Papers by name."""


def paper_of(name: str) -> Paper:
    """A paper by its name.

    Raises:
        UnknownNameError: Listing the names that are known.
    """
    if name not in PAPERS:
        error = UnknownNameError("paper", name, PAPERS)
        if "known:" not in str(error):
            error = UnknownNameError("paper", name, PAPERS, f"known: {', '.join(PAPERS)}")
        raise error
    return PAPERS[name]
