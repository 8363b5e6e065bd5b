"""Flavour pairs: how a coupling with two flavour letters acts on neutrinos and antineutrinos."""

from collections.abc import Iterable, Sequence

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import AtNodes
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Key

PAIRS = {
    "ee": ("e", "e"),
    "mumu": ("mu", "mu"),
    "tautau": ("tau", "tau"),
    "emu": ("e", "mu"),
    "etau": ("e", "tau"),
    "mutau": ("mu", "tau"),
}
"""The six real entries of a symmetric matrix in flavour."""

LATEX = {"e": "e", "mu": r"\mu", "tau": r"\tau"}


def latex_of(pair: str) -> str:
    """LaTeX of a pair's two letters."""
    a, b = PAIRS[pair]
    return LATEX[a] + LATEX[b]


def is_diagonal(pair: str) -> bool:
    """Whether both flavours are the same."""
    return PAIRS[pair][0] == PAIRS[pair][1]


def spread(amplitudes: dict[str, AtNodes], sources: Iterable[str]) -> dict[Key, AtNodes]:
    """Amplitudes by (source, outgoing flavour) from amplitudes by flavour pair.

    An off-diagonal entry x_ab acts as a -> b and b -> a, for neutrinos and antineutrinos alike.
    """
    charges: dict[Key, AtNodes] = {}
    for source in sources:
        flavour = SOURCE_FLAVOUR[source]
        for pair, amplitude in amplitudes.items():
            a, b = PAIRS[pair]
            if flavour in (a, b):
                charges[(source, b if flavour == a else a)] = amplitude
    return charges


def require_names(
    interaction: str, names: Iterable[str], allowed: Sequence[str], common: str = ""
) -> tuple[str, ...]:
    """The names, if all are allowed, each comes once, and the common one stands alone.

    ``common`` is the parameter that stands for all flavours, if the interaction has one.
    """
    listed = list(names)
    for name in listed:
        if name not in allowed:
            raise UnknownNameError(f"{interaction} coupling", name, allowed)
    if len(set(listed)) < len(listed):
        raise InputError(f"{interaction}: name each coupling once, got {listed}")
    if common in listed and len(listed) > 1:
        raise InputError(f"{interaction}: {common} stands for all flavours; drop it or the others")
    return tuple(listed)
