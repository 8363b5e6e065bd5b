"""Chemical formulas: CaWO4, Al2O3, Ca(OH)2, NaI(Tl)."""

import re

_PART = re.compile(r"(?:([A-Z][a-z]?)|\(([^()]+)\))(\d+(?:\.\d+)?)?")
_DOPANT = re.compile(r"(?<=.)(\([A-Z][a-z]?\)|\[[A-Z][a-z]?\])$")


def without_dopant(formula: str) -> str:
    """The formula without one element in brackets at its end: NaI of NaI(Tl) and of NaI[Tl]."""
    return _DOPANT.sub("", formula)


def atoms_of(formula: str) -> dict[str, float] | None:
    """Atoms by element symbol, in the order in which they first appear; None if it is no formula.

    A group in brackets needs a number. An element that directly follows itself is taken for a
    slip of the pen (CsII), not for two atoms.
    """
    atoms: dict[str, float] = {}
    end, before = 0, ""
    for part in _PART.finditer(formula):
        symbol, group, number = part.groups()
        count = float(number or 1)
        inner = atoms_of(group) if group else {symbol: 1.0}
        if part.start() != end or not count or not inner or (group and not number):
            return None
        if symbol and symbol == before:
            return None
        for name, each in inner.items():
            atoms[name] = atoms.get(name, 0.0) + count * each
        end, before = part.end(), symbol or ""
    return atoms if atoms and end == len(formula) else None
