"""Which interaction owns a parameter: naming one is enough to switch its interaction on."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from cevnsjax import interactions
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.interactions.interaction import Interaction

OWNERS: dict[str, type[Interaction]] = {
    member.key: member
    for member in vars(interactions).values()
    if isinstance(member, type) and issubclass(member, Interaction) and member is not Interaction
}
"""The classes that ``cevnsjax/interactions/__init__.py`` lists, by their ``key``."""

PARAMETER_NAMES = tuple(name for owner in OWNERS.values() for name in owner.owns)
"""Every parameter that naming switches on."""


def require_options(interaction: str, options: object) -> None:
    """Reject an unknown key of ``OWNERS``, and options that its interaction does not have."""
    if interaction not in OWNERS:
        raise UnknownNameError("interaction", interaction, OWNERS)
    declared = inspect.signature(OWNERS[interaction]).parameters.values()
    allowed = [p.name for p in declared if p.kind is not p.VAR_POSITIONAL]
    if not isinstance(options, Mapping):
        raise InputError(
            f"{interaction}={options!r} should read {interaction}.option=value; options of "
            f"{interaction}: {', '.join(allowed) or 'none'}"
        )
    for name in options:
        if name not in allowed:
            raise UnknownNameError(f"option of {interaction}", name, allowed)


def owning(names: Iterable[str], options: Mapping[str, Any] | None = None) -> list[Interaction]:
    """The interactions that own the named parameters; other names are ignored.

    An interaction with options, e.g. {"light_vector": {"charges": "B-L"}}, is built even if none
    of its parameters is named.
    """
    chosen = dict(options or {})
    for key, its_options in chosen.items():
        require_options(key, its_options)
    wanted = list(dict.fromkeys(names))
    built = []
    for key, owner in OWNERS.items():
        owned = [name for name in wanted if name in owner.owns]
        if owned or key in chosen:
            built.append(owner.from_names(*owned, **chosen.get(key, {})))
    return built
