"""Errors that a user can mend: each message names the value and the remedy."""

import difflib
from collections.abc import Iterable

from cevnsjax.core.text import of_value, shortened


class CevnsjaxError(Exception):
    """Base of every error raised on bad input; the command line prints it on one line."""


class InputError(CevnsjaxError, ValueError):
    """A value, option or combination that cannot be used."""


class UnknownNameError(CevnsjaxError, KeyError):
    """A name that is not known here; the message lists the nearest valid ones."""

    def __init__(self, what: str, name: object, known: Iterable[str], hint: str = "") -> None:
        # A whole number of thousands of digits has no text.
        text = name if isinstance(name, str) else of_value(name)
        self.what, self.name, self.known = what, shortened(text), sorted(known)
        name = self.name
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        offer = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(self.known)}"
        super().__init__(f"unknown {what} {name!r}; {offer}{' ' + hint if hint else ''}")

    def __str__(self) -> str:
        return str(self.args[0])


class DataError(CevnsjaxError):
    """A data file that is missing, malformed or differs from its manifest."""


class RunError(CevnsjaxError, RuntimeError):
    """A run in a folder cannot begin or go on; the message says how to go on."""


class PrecisionError(CevnsjaxError, RuntimeError):
    """Float64 is needed and jax has it switched off."""
