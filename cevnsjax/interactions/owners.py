"""Which interaction owns a parameter: naming one is enough to switch its interaction on."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.interactions import electromagnetic, generalized, nsi, sterile, tensor_nsi
from cevnsjax.interactions.electromagnetic import ChargeRadius, MagneticMoment, Millicharge
from cevnsjax.interactions.generalized import GeneralizedInteractions
from cevnsjax.interactions.nsi import NSI
from cevnsjax.interactions.scalar_mediator import LightScalar
from cevnsjax.interactions.sterile import Sterile
from cevnsjax.interactions.tensor_nsi import TensorNSI
from cevnsjax.interactions.vector_mediator import LightVector


def _radii(*names: str, **options: Any) -> ChargeRadius:
    """Charge radii; names by source select the reading by source."""
    per_source = any(n in electromagnetic.SOURCE_RADIUS_NAMES for n in names)
    return ChargeRadius(*names, **{"per_source": per_source, **options})


def _sterile(*names: str, **options: Any) -> Sterile:
    return Sterile(*(n for n in names if n != "dm2_41"), **options)


def _whole(build: Callable[..., Any]) -> Callable[..., Any]:
    """A builder for interactions whose parameters come together."""

    def built(*names: str, **options: Any) -> Any:
        del names
        return build(**options)

    return built


OWNERS: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "nsi": ((*nsi.NAMES, *nsi.COMMON), NSI),
    "magnetic_moment": (electromagnetic.MOMENT_NAMES, MagneticMoment),
    "charge_radius": (
        (*electromagnetic.RADIUS_NAMES, *electromagnetic.SOURCE_RADIUS_NAMES),
        _radii,
    ),
    "millicharge": (electromagnetic.CHARGE_NAMES, Millicharge),
    "light_vector": (("g_Zp", "m_Zp"), _whole(LightVector)),
    "light_scalar": (("g_phi", "m_phi"), _whole(LightScalar)),
    "generalized": ((*generalized.EFFECTIVE, *generalized.QUARK), GeneralizedInteractions),
    "tensor_nsi": (tensor_nsi.NAMES, TensorNSI),
    "sterile": ((*sterile.NAMES, "dm2_41"), _sterile),
}
"""Interaction -> the names it can own, and its builder from names and options."""

PARAMETER_NAMES = tuple(name for names, _ in OWNERS.values() for name in names)
"""Every parameter that naming switches on."""


# Where a builder stands for a class, its options are the class's.
_CLASSES: dict[str, Callable[..., Any]] = {
    "charge_radius": ChargeRadius,
    "light_vector": LightVector,
    "light_scalar": LightScalar,
    "sterile": Sterile,
}


def require_options(interaction: str, options: Any) -> None:
    """Stop at options that an interaction does not have.

    Args:
        interaction: Key of ``OWNERS``.
        options: Its options by name.

    Raises:
        UnknownNameError: At an unknown interaction or option.
        InputError: If the options are not a mapping.
    """
    if interaction not in OWNERS:
        raise UnknownNameError("interaction", interaction, OWNERS)
    build = _CLASSES.get(interaction, OWNERS[interaction][1])
    declared = inspect.signature(build).parameters.values()
    known = [p.name for p in declared if p.kind is not p.VAR_POSITIONAL]
    if not isinstance(options, Mapping):
        raise InputError(
            f"{interaction}={options!r} should read {interaction}.option=value; options of "
            f"{interaction}: {', '.join(known) or 'none'}"
        )
    for name in options:
        if name not in known:
            raise UnknownNameError(f"option of {interaction}", name, known)


def owning(named: Iterable[str], options: Mapping[str, Any] | None = None) -> list[Any]:
    """Interactions that own the named parameters; names of none are left to others.

    Args:
        named: Parameter names.
        options: Builder options by interaction, e.g. {"light_vector": {"charges": "B-L"}}; an
            interaction with options is built even if none of its parameters is named.

    Raises:
        UnknownNameError: At an unknown interaction or option.
        InputError: If the options of an interaction are not a mapping.
    """
    given = dict(options or {})
    for name, chosen in given.items():
        require_options(name, chosen)
    wanted = list(dict.fromkeys(named))
    built = []
    for interaction, (names, build) in OWNERS.items():
        own = [n for n in wanted if n in names]
        if own or interaction in given:
            built.append(build(*own, **given.get(interaction, {})))
    return built
