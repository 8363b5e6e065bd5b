"""Flavour pairs: how a coupling with two flavour letters acts on neutrinos and antineutrinos."""

from collections.abc import Iterable
from typing import Any

from cevnsjax.core.errors import InputError, UnknownNameError
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


def spread(amplitudes: dict[str, Any], sources: Iterable[str]) -> dict[Key, Any]:
    """Amplitudes by (source, outgoing flavour) from amplitudes by flavour pair.

    An off-diagonal entry x_ab acts as a -> b and b -> a, for neutrinos and antineutrinos alike.

    Args:
        amplitudes: Amplitude by pair, each [node] [1].
        sources: Neutrino sources.
    """
    out: dict[Key, Any] = {}
    for source in sources:
        flavour = SOURCE_FLAVOUR[source]
        for pair, amplitude in amplitudes.items():
            a, b = PAIRS[pair]
            if flavour in (a, b):
                out[(source, b if flavour == a else a)] = amplitude
    return out


def require_names(what: str, names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The names, once each, if all are known.

    Args:
        what: Interaction, for the message.
        names: Parameter names asked for.
        known: Parameter names there are.

    Raises:
        UnknownNameError: Listing the nearest names.
        InputError: If a name comes twice.
    """
    listed, allowed = list(names), list(known)
    for name in listed:
        if name not in allowed:
            raise UnknownNameError(f"{what} coupling", name, allowed)
    if len(set(listed)) < len(listed):
        raise InputError(f"{what}: each coupling once, got {listed}")
    return tuple(listed)
