"""Picciau, slides (2020) of Cadeddu et al.: rows and figures."""

from collections.abc import Iterator

from cevnsjax.reproduce.paper import Group, Paper, later

_ROWS = "papers.picciau2020.rows"
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
                compute = later(_ROWS, "rows_of_table", table, column, data)
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
            later(_ROWS, "rows"),
        ),
        *_electromagnetic_groups(),
    ),
)
