"""Recoil rates: flux moments times charges over a target."""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from types import ModuleType

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import Kinematics, T_nr_max
from cevnsjax.core.precision import require_x64
from cevnsjax.core.types import AtNodes, RealLike, Reals, Survival, Values
from cevnsjax.cross_section import Kernels, fermi_scale, kernels, rates
from cevnsjax.electrons import ELECTRON, Electrons
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes, add_by_key
from cevnsjax.interactions.interaction import (
    InteractionLike,
    acting_on_electrons,
    complete_values,
    structures_of,
    structures_on_electrons,
    survival_of,
)
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.nuclei import Nucleus, Target

_FREE_ELECTRON = Target("electron", (ELECTRON,), (1.0,))


def nucleus_charges(
    interactions: Sequence[InteractionLike],
    values: Values,
    nucleus: Nucleus,
    q2: AtNodes,
    sources: tuple[str, ...],
    q2_max: float = math.inf,
) -> Charges:
    """Charges of an isotope or electron at momentum transfers q2 <= q2_max [MeV^2], all added."""
    if nucleus.is_electron:
        at_nodes = NucleusAtNodes(nucleus, q2, jnp.ones_like(q2), jnp.zeros_like(q2), sources)
        return charges_at(acting_on_electrons(interactions), values, at_nodes)
    F_p, F_n = standard_model(interactions).form_factors(values, nucleus, q2, q2_max)
    return charges_at(interactions, values, NucleusAtNodes(nucleus, q2, F_p, F_n, sources))


def charges_at(
    interactions: Sequence[InteractionLike], values: Values, at_nodes: NucleusAtNodes
) -> Charges:
    """Charges of one isotope whose form factors are given, all interactions added."""
    total = Charges()
    for interaction in interactions:
        charges = interaction(values, at_nodes)
        if not isinstance(charges, Charges):
            name = getattr(interaction, "__name__", interaction)
            raise InputError(f"interaction {name} must return cj.Charges, got {type(charges)}")
        total = total + charges
    return total


def flux_kernels(
    flux: NeutrinoSource,
    nuclei: Sequence[Nucleus],
    T_nr: AtNodes,
    kinematics: Kinematics,
    structures: Sequence[str],
    xp: ModuleType,
    survival: Survival | None = None,
) -> dict[str, Kernels]:
    """Flux-folded kernels of several isotopes at recoil energies T_nr [node] [MeV].

    ``survival`` is None if neutrinos do not oscillate. Returns {nucleus: {structure: {source:
    [node]}}} [1], magnetic in [1/MeV].
    """
    by_nucleus = {}
    for nucleus in nuclei:
        moments = flux.moments(T_nr, nucleus.mass, kinematics, xp, survival)
        by_nucleus[nucleus.name] = kernels(T_nr, nucleus, moments, kinematics, structures)
    return by_nucleus


def source_rates(
    interactions: Sequence[InteractionLike],
    values: Values,
    T_nr: AtNodes,
    nuclei: Sequence[Nucleus],
    kernels: Mapping[str, Kernels],
    norms: Mapping[str, RealLike],
    sources: tuple[str, ...],
    T_max: float = math.inf,
) -> dict[str, Float[Array, "*node"]]:
    """Recoil spectrum of several isotopes together, by neutrino source.

    Args:
        interactions: The StandardModel first, then any others.
        values: All parameters of the model.
        T_nr: Recoil energies, [node] [MeV].
        nuclei: The isotopes.
        kernels: Flux-folded kernels by isotope, as ``flux_kernels`` gives them.
        norms: Events per unit of charge squared by isotope [1/MeV or 1/kg/MeV].
        sources: Neutrino sources.
        T_max: Upper bound on ``T_nr``; a low one saves work [MeV].

    Returns:
        {source: [node]}, in the unit of ``norms``.
    """
    parts = []
    for nucleus in nuclei:
        q2, q2_max = 2 * nucleus.mass * T_nr, 2 * nucleus.mass * T_max
        charges = nucleus_charges(interactions, values, nucleus, q2, sources, q2_max)
        norm = norms[nucleus.name]
        parts.append({s: norm * r for s, r in rates(charges, kernels[nucleus.name]).items()})
    return add_rates(parts)


def add_rates(parts: Sequence[Mapping[str, Reals]]) -> dict[str, Reals]:
    """Sum the rates of several nuclei, source by source."""
    return reduce(add_by_key, parts, {})


def _recoil(T_nr: RealLike | Sequence[float]) -> Float[Array, "*node"]:
    """Recoil energies as an array, in float64 and above 0, where 1/T and 1/q^2 are finite [MeV]."""
    require_x64()
    T = jnp.asarray(T_nr)
    # Arrays like it would round 1/E_nu to whole numbers.
    T = T if jnp.issubdtype(T.dtype, jnp.floating) else T.astype(float)
    if not isinstance(T, Tracer) and not bool(jnp.all(T > 0)):
        raise InputError(f"T_nr must be > 0 MeV (1 eV is 1e-6), got {float(jnp.min(T)):g}")
    return T


def standard_model(interactions: Sequence[InteractionLike]) -> StandardModel:
    """The first of the interactions, which must be a StandardModel."""
    if not interactions or not isinstance(interactions[0], StandardModel):
        raise InputError(f"interactions must begin with a StandardModel, got {interactions}")
    return interactions[0]


def _conventions(
    nucleus: Nucleus, interactions: Sequence[InteractionLike]
) -> tuple[Kinematics, tuple[str, ...]]:
    """Kinematics, which are exact for electrons, and structures of the cross section."""
    if nucleus.is_electron:
        return "exact", structures_on_electrons(interactions)
    return standard_model(interactions).kinematics, structures_of(interactions)


def dR_dT_nr(
    T_nr: RealLike | Sequence[float],
    target: Target | Electrons,
    flux: NeutrinoSource,
    interactions: Sequence[InteractionLike] = (StandardModel(),),
    values: Values | None = None,
) -> dict[str, Float[Array, "*node"]]:
    """Recoil spectrum of nuclei, or of electrons, in a source, by neutrino source.

    Args:
        T_nr: Recoil energies, or energy transfers to electrons, at least 1e-6 MeV, [node] [MeV].
        target: Detector material, or its ``electrons_of``.
        flux: Neutrino source; its fluence is the whole exposure's.
        interactions: The StandardModel first, then any others.
        values: Parameters; names left out take their defaults.

    Returns:
        {source: events per kg and MeV over the exposure, [node] [1/kg/MeV]}.

    Raises:
        PrecisionError: If jax has 64-bit floats switched off.
        InputError: At a recoil energy that is not positive, a value out of bounds, or interactions
            that do not begin with a StandardModel.
        UnknownNameError: At a value that no interaction owns.

    Examples:
        >>> flux = cj.DecayAtRest(0.09, 1e23, baseline_m=20.0)
        >>> spectrum = cj.dR_dT_nr(jnp.array([0.005, 0.01]), cj.target("CsI"), flux)
        >>> [f"{source}: {rate[0]:.0f}" for source, rate in spectrum.items()]
        ['nu_mu: 1177', 'nu_mu_bar: 1246', 'nu_e: 1046']
    """
    T = _recoil(T_nr)
    if isinstance(target, Electrons):
        material = _FREE_ELECTRON
        norms = {ELECTRON.name: target.freed(T, jnp) * (flux.fluence * fermi_scale(ELECTRON.mass))}
    else:
        material = target
        norms = {
            nucleus.name: float(np.float64(per_kg) * flux.fluence * fermi_scale(nucleus.mass))
            for nucleus, per_kg in zip(target.nuclei, target.per_kg, strict=True)
        }
    flight = flux.baseline_m, flux.kink_energies[-1]
    filled = complete_values(interactions, values, material, [flight])
    kinematics, structures = _conventions(material.nuclei[0], interactions)
    survival = survival_of(interactions, filled, flux.baseline_m)
    kernels = flux_kernels(flux, material.nuclei, T, kinematics, structures, jnp, survival)
    return source_rates(interactions, filled, T, material.nuclei, kernels, norms, flux.sources)


def differential_cross_section(
    T_nr: RealLike | Sequence[float],
    E_nu: float,
    nucleus: Nucleus,
    source: str,
    interactions: Sequence[InteractionLike] = (StandardModel(),),
    values: Values | None = None,
) -> Float[Array, "*node"]:
    """Differential cross section of one neutrino energy, all interactions together.

    Args:
        T_nr: Recoil energies, at least 1e-6 MeV, [node] [MeV].
        E_nu: Neutrino energy [MeV].
        nucleus: Target isotope, or ``ELECTRON``, a free one.
        source: "nu_e", "nu_mu", "nu_mu_bar" or "nu_e_bar".
        interactions: The StandardModel first, then any others.
        values: Parameters; names left out take their defaults.

    Returns:
        dsigma/dT_nr, zero beyond the end point, [node] [cm^2/MeV].

    Raises:
        PrecisionError: If jax has 64-bit floats switched off.
        InputError: At an energy that is not positive, a value out of bounds, or interactions that
            do not begin with a StandardModel.
        UnknownNameError: At an unknown source, or a value that no interaction owns.

    Examples:
        >>> cesium = cj.target("CsI").nuclei[0]
        >>> sigma = cj.differential_cross_section(jnp.array([0.005, 0.02]), 30.0, cesium, "nu_e")
        >>> [f"{s:.2e}" for s in sigma.tolist()]
        ['1.47e-36', '0.00e+00']
    """
    T = _recoil(T_nr)
    if source not in SOURCE_FLAVOUR:
        raise UnknownNameError("neutrino source", source, SOURCE_FLAVOUR)
    if not E_nu > 0:
        raise InputError(f"E_nu must be > 0 MeV, got {E_nu}")
    target = Target(nucleus.name, (nucleus,), (1.0,))
    filled = complete_values(interactions, values, target)
    powers = (jnp.ones_like(T), jnp.full_like(T, 1 / E_nu), jnp.full_like(T, E_nu**-2))
    kinematics, structures = _conventions(nucleus, interactions)
    kernel = kernels(T, nucleus, {source: powers}, kinematics, structures)
    norms = {nucleus.name: fermi_scale(nucleus.mass)}
    sigma = source_rates(
        interactions, filled, T, (nucleus,), {nucleus.name: kernel}, norms, (source,)
    )[source]
    return jnp.where(T_nr_max(E_nu, nucleus.mass, kinematics) > T, sigma, 0.0)
