"""What an interaction is: parameters, structures, and one pure function to charges.

A user's own interaction needs no class: any function ``f(values, nucleus) -> Charges`` with an
attribute ``parameters`` (a sequence of ``Parameter``) is one; ``structures`` says which parts of
``Charges`` it fills, ("vector",) if absent, ``steepness`` how its spectra rise towards T = 0, 0 if
absent, and ``on_electrons`` whether it acts on electrons too, False if absent.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import reduce
from types import ModuleType
from typing import ClassVar, Protocol, runtime_checkable

import jax.numpy as jnp
from jax.core import Tracer

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Numbers, RealLike, Survival, Values
from cevnsjax.interactions.charges import STRUCTURES, Charges, NucleusAtNodes
from cevnsjax.nuclei import Target
from cevnsjax.parameters import Parameter, ParameterTable

InteractionLike = Callable[[Values, NucleusAtNodes], Charges]
"""A built-in interaction, or a user's function with an attribute ``parameters``."""
_WEAK_ON_ELECTRONS = ("vector", "axial", "interference")
Flight = tuple[float, float]
"""The baseline of a source [m], and the highest energy of its neutrinos [MeV]."""


@runtime_checkable
class Oscillation(Protocol):
    """An interaction that changes the flux on its way.

    Probabilities are integrated over energy as far as ``core.oscillation`` resolves their phases.
    With a method ``at_source(parameter, baseline_m, E_max) -> Parameter`` it keeps the bounds of
    its parameters within that, and tells fits how fast chi2 oscillates (``start_spacing``).
    """

    def survival(
        self, values: Values, source: str, E_nu: Numbers, baseline_m: float, xp: ModuleType
    ) -> Numbers:
        """Probability that a neutrino of a source arrives as what it was."""
        ...


class Interaction:
    """Base of the built-in interactions: frozen, equal and hashed by type and options.

    Attributes:
        key: The word for it in options: ``--set key.option=value``.
        owns: Every parameter it can have; naming one of them switches it on.
        structures: The parts of ``Charges`` it fills.
        on_electrons: Whether it acts on electrons, and is called with ``ELECTRON`` as the nucleus.
        on_nuclei: Whether it acts on nuclei; if not, an experiment has to see electrons.
        steepness: Power p of recoil spectra that rise towards T = 0 as T^-p, or do so down to the
            mass of a mediator; panels of recoil energy follow it.
        massless: Whether they rise without end, so that detectors need a threshold.

    Examples:
        >>> class Contact(cj.Interaction):
        ...     key, owns = "contact", ("eps_contact",)
        ...
        ...     def own_parameters(self):
        ...         return [cj.Parameter("eps_contact", "a contact coupling", 0.0)]
        ...
        ...     def __call__(self, values, nucleus):
        ...         charge = values["eps_contact"] * nucleus.NF_n
        ...         return cj.Charges(vector={(s, "mu"): charge for s in nucleus.sources})
        >>> cj.Model(csi, [Contact()]).parameters["eps_contact"].default
        0.0
    """

    key: ClassVar[str]
    owns: ClassVar[tuple[str, ...]]
    structures: tuple[str, ...] = ("vector",)
    on_electrons: ClassVar[bool] = False
    on_nuclei: ClassVar[bool] = True
    steepness: ClassVar[int] = 0
    massless: ClassVar[bool] = False
    _options: tuple[tuple[str, Hashable], ...]

    def __init__(self, **options: Hashable) -> None:
        """Set the options as attributes, once.

        Args:
            **options: Options by name.
        """
        for name, value in options.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_options", tuple(sorted(options.items())))

    @classmethod
    def from_names(cls, *names: str, **options: object) -> "Interaction":
        """The interaction with the named parameters switched on: ``cls(*names, **options)``.

        Args:
            *names: Some of ``owns``; the default set if none is given.
            **options: Options of the class.
        """
        return cls(*names, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; make another instead of {name}=")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interaction):
            return False
        return (type(self), self._options) == (type(other), other._options)

    def __hash__(self) -> int:
        return hash((type(self), self._options))

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v!r}" for k, v in self._options)
        return f"{type(self).__name__}({shown})"

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
    interaction: InteractionLike, targets: Sequence[Target], flights: Sequence[Flight] = ()
) -> list[Parameter]:
    """Parameters of a built-in interaction or of a user's function, for targets and sources.

    Raises:
        InputError: If it declares none, or they are not ``Parameter``.
    """
    declared: object = getattr(interaction, "parameters", None)
    name = getattr(interaction, "__name__", repr(interaction))
    if declared is None:
        raise InputError(
            f"interaction {name} declares no parameters; set {name}.parameters = [Parameter(...)]"
        )
    listed = declared(targets) if callable(declared) else declared
    if not isinstance(listed, Sequence) or not all(isinstance(p, Parameter) for p in listed):
        raise InputError(f"interaction {name}: parameters must be cevnsjax.Parameter, got {listed}")
    adapted = getattr(interaction, "at_source", lambda parameter, *_: parameter)
    return [reduce(lambda p, flight: adapted(p, *flight), flights, p) for p in listed]


def structures_of(interactions: Sequence[InteractionLike]) -> tuple[str, ...]:
    """Structures that the interactions fill, in the order of ``STRUCTURES``."""
    filled = {s for i in interactions for s in getattr(i, "structures", ("vector",))}
    unknown = filled - set(STRUCTURES)
    if unknown:
        raise InputError(f"unknown structures {sorted(unknown)}; known are {list(STRUCTURES)}")
    return tuple(s for s in STRUCTURES if s in filled)


def acting_on_electrons(interactions: Sequence[InteractionLike]) -> list[InteractionLike]:
    """The interactions that electrons feel, in their order."""
    return [i for i in interactions if getattr(i, "on_electrons", False)]


def structures_on_electrons(interactions: Sequence[InteractionLike]) -> tuple[str, ...]:
    """Structures that the interactions fill on electrons, in the order of ``STRUCTURES``."""
    filled = {*_WEAK_ON_ELECTRONS, *structures_of(acting_on_electrons(interactions))}
    return tuple(s for s in STRUCTURES if s in filled)


def steepness_of(interactions: Sequence[InteractionLike]) -> int:
    """The largest power p of recoil spectra that rise towards T = 0 as T^-p."""
    return max(getattr(i, "steepness", 0) for i in interactions)


def complete_values(
    interactions: Sequence[InteractionLike],
    values: Values | None,
    target: Target,
    flights: Sequence[Flight] = (),
) -> dict[str, RealLike]:
    """Values of all parameters for a target: ``values``, checked, and defaults for the others."""
    table = ParameterTable(p for i in interactions for p in parameters_of(i, [target], flights))
    for name, value in (values or {}).items():
        parameter = table[name]
        if not isinstance(value, Tracer):
            parameter.check(float(value))
    return {**table.defaults(), **(values or {})}


def survival_of(
    interactions: Sequence[InteractionLike], values: Values, baseline_m: float
) -> Survival | None:
    """Product of the survival probabilities of all interactions, None if nothing oscillates."""
    oscillations = [i for i in interactions if isinstance(i, Oscillation)]
    if not oscillations:
        return None

    def survival(source: str, E_nu: Numbers) -> Numbers:
        probability: Numbers = 1.0
        for oscillation in oscillations:
            arrives = oscillation.survival(values, source, E_nu, baseline_m, jnp)
            probability = probability * arrives
        return probability

    return survival
