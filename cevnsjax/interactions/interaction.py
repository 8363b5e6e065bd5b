"""What an interaction is: parameters, structures, and one pure function to charges.

A user's own interaction needs no class: any function ``f(values, nucleus) -> Charges`` with an
attribute ``parameters`` (a sequence of ``Parameter``) is one; ``structures`` says which parts of
``Charges`` it fills, ("vector",) if absent.
"""

from collections.abc import Callable, Sequence
from typing import Any

from jax.core import Tracer

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.interactions.charges import STRUCTURES, Charges, NucleusAtNodes
from cevnsjax.nuclei import Target
from cevnsjax.parameters import Parameter, ParameterTable


class Interaction:
    """Base of the built-in interactions: frozen, equal and hashed by type and options."""

    @property
    def structures(self) -> tuple[str, ...]:
        """Parts of ``Charges`` it fills."""
        return ("vector",)

    def __init__(self, **options: Any) -> None:
        """Set the options once; they must be hashable."""
        for name, value in options.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_options", tuple(sorted(options.items())))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; make another instead of {name}=")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key() == other._key()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self._key())
        return f"{type(self).__name__}({shown})"

    def _key(self) -> tuple[tuple[str, Any], ...]:
        return self.__dict__["_options"]

    def own_parameters(self) -> list[Parameter]:
        """The parameters this interaction owns."""
        raise NotImplementedError

    def parameters(self, targets: Sequence[Target]) -> list[Parameter]:  # noqa: ARG002
        """The parameters this interaction owns, whatever the targets."""
        return self.own_parameters()

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Charges of one isotope."""
        raise NotImplementedError


def parameters_of(
    interaction: Callable[..., Charges], targets: Sequence[Target]
) -> list[Parameter]:
    """Parameters of a built-in interaction or of a user's function.

    Args:
        interaction: The interaction.
        targets: Materials of the model's experiments.

    Raises:
        InputError: If it has no ``parameters``, or they are not Parameters.
    """
    declared = getattr(interaction, "parameters", None)
    name = getattr(interaction, "__name__", repr(interaction))
    if declared is None:
        raise InputError(
            f"interaction {name} declares no parameters; set {name}.parameters = [Parameter(...)]"
        )
    given: Any = declared(targets) if callable(declared) else declared
    listed = list(given)
    if not all(isinstance(p, Parameter) for p in listed):
        raise InputError(f"interaction {name}: parameters must be cevnsjax.Parameter, got {listed}")
    return listed


def structures_of(interactions: Sequence[Any]) -> tuple[str, ...]:
    """Structures that the interactions fill, in the order of ``STRUCTURES``.

    Raises:
        InputError: At an unknown structure.
    """
    asked = {s for i in interactions for s in getattr(i, "structures", ("vector",))}
    unknown = asked - set(STRUCTURES)
    if unknown:
        raise InputError(f"unknown structures {sorted(unknown)}; known are {list(STRUCTURES)}")
    return tuple(s for s in STRUCTURES if s in asked)


def complete_values(
    interactions: Sequence[Any], values: Values | None, target: Target
) -> dict[str, Any]:
    """Defaults of all parameters, overridden by given values that were checked.

    Args:
        interactions: Interactions, the StandardModel among them.
        values: Parameters by name.
        target: Material they act on.

    Raises:
        UnknownNameError: At a name none of them owns.
        InputError: At a value that is not finite or out of bounds.
    """
    table = ParameterTable(p for i in interactions for p in parameters_of(i, [target]))
    for name, value in (values or {}).items():
        parameter = table[name]
        if not isinstance(value, Tracer):
            parameter.check(float(value))
    return {**table.defaults(), **(values or {})}
