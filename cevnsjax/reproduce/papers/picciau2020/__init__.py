"""Picciau, slides (2020) of Cadeddu et al.: rows and figures."""

from collections.abc import Iterator, Sequence
from functools import partial

from cevnsjax.reproduce.paper import Group, Paper, Supplement
from cevnsjax.reproduce.rows import Row


def _rows() -> Sequence[Row]:
    from cevnsjax.reproduce.papers.picciau2020.rows import rows

    return rows()


def _electromagnetic_rows(name: str, column: str, data: str) -> Sequence[Row]:
    from cevnsjax.reproduce.papers.picciau2020.electromagnetic import FIXED, FREE
    from cevnsjax.reproduce.papers.picciau2020.rows import electromagnetic_rows

    tables = [t for t in (*FIXED, *FREE) if (t.name, t.column) == (name, column)]
    return electromagnetic_rows(tables, [data])


def _conventions() -> str:
    from cevnsjax.reproduce.papers.picciau2020.electromagnetic import CONVENTIONS

    return CONVENTIONS


_TABLES = {"radius": "charge radii", "charge": "electric charges", "moment": "magnetic moments"}
_COLUMNS = {
    "fixed": "fixed R_n",
    "fixed_flavourResolved": "fixed R_n, each source's own spectrum",
    "free": "free R_n",
}


def _electromagnetic_groups() -> Iterator[Group]:
    for column, condition in _COLUMNS.items():
        for table, quantities in _TABLES.items():
            for data in ("CsI", "Ar", "CsI+Ar"):
                # Only moments, and only those of argon, were computed with an averaged spectrum.
                if column == "fixed_flavourResolved" and (table != "moment" or data == "CsI"):
                    continue
                compute = partial(_electromagnetic_rows, table, column, data)
                patterns = (f"{table}.{data}.{column}.*",)
                yield Group(f"{quantities} from {data}, {condition}", "slow", patterns, compute)


PAPER = Paper(
    "picciau2020",
    "Constraints on light vector mediators through COHERENT data",
    "E. Picciau, slides (2020) of Cadeddu et al., Phys. Rev. D 102, 015030 and 101, 033004",
    (
        Group(
            "mixing angle, radius, events and couplings",
            "slow",
            ("sw2.*", "Rn_Ar.*", "LAr.*", "coupling.*", "r2_SM.*"),
            _rows,
        ),
        *_electromagnetic_groups(),
    ),
    (Supplement("quick", _conventions),),
)
