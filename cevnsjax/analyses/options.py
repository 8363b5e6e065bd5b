"""Checks of what analyses are asked for."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cevnsjax.core.errors import InputError, UnknownNameError


def require_known(analysis: str, options: Mapping[str, tuple[Any, Collection[str]]]) -> None:
    """Stop at an option value that is not on offer.

    Args:
        analysis: Name of the analysis, for messages.
        options: {option: (its value, the values on offer)}.

    Raises:
        UnknownNameError: At the first such value.
    """
    for what, (value, known) in options.items():
        # A list, as the command line makes of "a,b", has no hash to look up.
        if value not in tuple(known):
            raise UnknownNameError(f"{analysis} {what}", value, known)


def morph_names(analysis: str, given: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Shape variations asked for by name, or all of them.

    Args:
        analysis: Name of the analysis, for messages.
        given: A name, names, or "all".
        known: The names there are.

    Raises:
        UnknownNameError: At an unknown name.
        InputError: If it is no list of names.
    """
    if given == "all":
        return tuple(known)
    if not isinstance(given, str | Sequence):
        raise InputError(f"{analysis}: morphs must be names like {known[0]!r}, got {given!r}")
    listed = (given,) if isinstance(given, str) else tuple(given)
    for name in listed:
        require_known(analysis, {"morph": (name, (*known, "all"))})
    if "all" in listed:
        raise InputError(f"{analysis}: morphs are 'all' or names, got {list(listed)}")
    return listed
