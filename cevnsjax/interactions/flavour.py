"""Flavour pairs: how a coupling with two flavour letters acts on neutrinos and antineutrinos."""

from collections.abc import Iterable

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

    Args:
        amplitudes: Amplitude by pair, each [node] [1].
        sources: Neutrino sources.
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
    what: str, names: Iterable[str], known: Iterable[str], common: str = ""
) -> tuple[str, ...]:
    """The names, if all are known and each comes once.

    Args:
        what: Interaction, for the message.
        names: Parameter names asked for.
        known: Parameter names that exist.
        common: The parameter that stands for all flavours, if there is one.

    Raises:
        UnknownNameError: Listing the nearest names.
        InputError: If a name comes twice, or the common parameter beside those of flavours.
    """
    listed, allowed = list(names), list(known)
    for name in listed:
        if name not in allowed:
            raise UnknownNameError(f"{what} coupling", name, allowed)
    if len(set(listed)) < len(listed):
        raise InputError(f"{what}: name each coupling once, got {listed}")
    if common in listed and len(listed) > 1:
        raise InputError(f"{what}: {common} stands for all flavours; drop it or the others")
    return tuple(listed)
