"""Recoil rates: flux moments times charges over a target."""

import math
from functools import reduce
from operator import mul
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.core.precision import require_x64
from cevnsjax.core.types import Reals, Values
from cevnsjax.cross_section import fermi_scale, kernels, rates
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.interaction import complete_values, structures_of
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.nuclei import Nucleus, Target


def nucleus_charges(
    interactions: tuple[Any, ...],
    values: Values,
    nucleus: Nucleus,
    q2: Any,
    sources: tuple[str, ...],
    q2_max: float = math.inf,
) -> Charges:
    """Charges of one isotope, summed over interactions.

    Args:
        interactions: The StandardModel first, then any others.
        values: All parameters of the model.
        nucleus: The isotope.
        q2: Momentum transfer squared, [node] [MeV^2].
        sources: Neutrino sources.
        q2_max: Bound on ``q2`` known beforehand [MeV^2].
    """
    F_p, F_n = interactions[0].form_factors(values, nucleus, q2, q2_max)
    seen = NucleusAtNodes(nucleus=nucleus, q2=q2, F_p=F_p, F_n=F_n, sources=sources)
    total = Charges()
    for interaction in interactions:
        own = interaction(values, seen)
        if not isinstance(own, Charges):
            name = getattr(interaction, "__name__", interaction)
            raise InputError(f"interaction {name} must return cevnsjax.Charges, got {type(own)}")
        total = total + own
    return total


def add_rates(parts: list[dict[str, Reals]]) -> dict[str, Reals]:
    """Sum rates of several nuclei, source by source."""
    total: dict[str, Reals] = {}
    for part in parts:
        for source, rate in part.items():
            total[source] = total[source] + rate if source in total else rate
    return total


def survival_of(interactions: tuple[Any, ...], values: Values, baseline_m: float) -> Any:
    """Survival probability by source and energy, None if nothing oscillates.

    Args:
        interactions: Those with a method ``survival`` oscillate; probabilities multiply.
        values: All parameters of the model.
        baseline_m: Distance from source to detector [m].
    """
    modifiers = [i for i in interactions if hasattr(i, "survival")]
    if not modifiers:
        return None

    def survival(source: str, E_nu: Any) -> Any:
        factors = [m.survival(values, source, E_nu, baseline_m, jnp) for m in modifiers]
        return reduce(mul, factors)

    return survival


def _recoil(T_nr: Any) -> Any:
    """Recoil energies as an array, in float64 and within the domain [MeV].

    Raises:
        PrecisionError: If jax has 64-bit floats switched off: cross sections in cm^2 are 0 there.
        InputError: At or below 0, where 1/T and 1/q^2 have no meaning.
    """
    require_x64()
    T = jnp.asarray(T_nr)
    if not isinstance(T, Tracer) and not bool(jnp.all(T > 0)):
        raise InputError(f"T_nr must be > 0 MeV (1 eV is 1e-6), got {float(jnp.min(T)):g}")
    return T


def _standard_model(interactions: tuple[Any, ...]) -> StandardModel:
    if not interactions or not isinstance(interactions[0], StandardModel):
        raise InputError(f"interactions must begin with a StandardModel, got {interactions}")
    return interactions[0]


def dR_dT_nr(
    T_nr: Any,
    target: Target,
    flux: NeutrinoSource,
    interactions: tuple[Any, ...] = (StandardModel(),),
    values: Values | None = None,
) -> dict[str, Reals]:
    """Recoil spectrum of a target in a source, by neutrino source.

    Args:
        T_nr: Recoil energies, at least 1e-6 MeV, [node] [MeV].
        target: Detector material.
        flux: Neutrino source; its fluence is the whole exposure's.
        interactions: The StandardModel first, then any others.
        values: Parameters; names left out take their defaults.

    Returns:
        {source: events per kg and MeV over the exposure, [node] [1/kg/MeV]}.
    """
    T, sm = _recoil(T_nr), _standard_model(interactions)
    filled = complete_values(interactions, values, target)
    structures = structures_of(interactions)
    survival = survival_of(interactions, filled, flux.baseline_m)
    parts = []
    for nucleus, per_kg in zip(target.nuclei, target.per_kg, strict=True):
        moments = flux.moments(T, nucleus.mass, sm.kinematics, jnp, survival)
        kernel = kernels(T, nucleus, moments, sm.kinematics, structures)
        q2 = 2 * nucleus.mass * T
        charges = nucleus_charges(interactions, filled, nucleus, q2, flux.sources)
        norm = float(np.float64(per_kg) * flux.fluence * fermi_scale(nucleus.mass))
        parts.append({s: norm * r for s, r in rates(charges, kernel).items()})
    return add_rates(parts)


def differential_cross_section(
    T_nr: Any,
    E_nu: float,
    nucleus: Nucleus,
    source: str,
    interactions: tuple[Any, ...] = (StandardModel(),),
    values: Values | None = None,
) -> Reals:
    """Differential cross section of one neutrino energy, all interactions together.

    Args:
        T_nr: Recoil energies, at least 1e-6 MeV, [node] [MeV].
        E_nu: Neutrino energy [MeV].
        nucleus: Target isotope.
        source: "nu_e", "nu_mu", "nu_mu_bar" or "nu_e_bar".
        interactions: The StandardModel first, then any others.
        values: Parameters; names left out take their defaults.

    Returns:
        dsigma/dT_nr, zero beyond the end point, [node] [cm^2/MeV].
    """
    T, sm = _recoil(T_nr), _standard_model(interactions)
    if source not in SOURCE_FLAVOUR:
        raise UnknownNameError("neutrino source", source, SOURCE_FLAVOUR)
    if not E_nu > 0:
        raise InputError(f"E_nu must be > 0 MeV, got {E_nu}")
    target = Target(nucleus.name, (nucleus,), (1.0,))
    filled = complete_values(interactions, values, target)
    powers = tuple(jnp.full_like(T, E_nu**-k) for k in range(3))
    moments = {source: (powers[0], powers[1], powers[2])}
    kernel = kernels(T, nucleus, moments, sm.kinematics, structures_of(interactions))
    charges = nucleus_charges(interactions, filled, nucleus, 2 * nucleus.mass * T, (source,))
    by_source = rates(charges, kernel)
    inside = T_nr_max(E_nu, nucleus.mass, sm.kinematics) > T
    return jnp.where(inside, fermi_scale(nucleus.mass) * by_source[source], 0.0)
