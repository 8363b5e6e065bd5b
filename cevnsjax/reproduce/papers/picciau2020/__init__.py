"""Picciau, slides (2020) of Cadeddu et al.: rows and figures."""

from collections.abc import Iterator

from cevnsjax.reproduce.paper import Group, Paper, Supplement, later

CONVENTIONS = """\
On no slide, but chosen by what reproduces its tables: E_ee >= 1.75 keVee for charge radii and
charges, 1.5 keVee for moments; one spectrum for all sources in the moments of argon; neutron skins
of cesium and iodine of one size, between 0 and 1.2 fm where R_n is free.
"""
"""What the electromagnetic tables rest on besides the slides."""
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
    (Supplement("quick", lambda: CONVENTIONS),),
)
