"""Other spellings of keyword arguments."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from cevnsjax.core.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")


def accepts_aliases(**aliases: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function accept other spellings of its keyword arguments.

    Args:
        **aliases: Name of the argument by alias, e.g. ``marginalize="marginalise"``.

    Returns:
        A decorator; the decorated function raises an ``InputError`` if both spellings are given.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def accepting(*args: P.args, **options: P.kwargs) -> T:
            for alias, name in aliases.items():
                if alias in options and name in options:
                    raise InputError(f"{alias} and {name} are one argument; give {name} alone")
                if alias in options:
                    options[name] = options.pop(alias)
            return function(*args, **options)

        return accepting

    return decorate
