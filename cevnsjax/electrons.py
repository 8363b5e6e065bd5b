"""Electrons of atoms as targets: how many of them an energy transfer can free.

An electron counts once the energy transfer reaches its binding energy, and then scatters as if it
were free: Z_eff(T) = sum over levels of n_i theta(T - B_i). In germanium that agrees with full
atomic calculations to about 1 % down to a fraction of a keV (arXiv:1101.4878); near a binding
energy, above all with millicharges, it does not (compare arXiv:1903.06085).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType

import jax.numpy as jnp
import numpy as np

from cevnsjax.core import constants as c
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.types import Arrays, RealLike, Reals
from cevnsjax.nuclei import Nucleus, Target
from cevnsjax.tables import read_csv

ELECTRON = Nucleus("e", Z=-1, N=0, mass=c.m_e, spin=0.5, charge_radius=0.0)
"""The free electron as a target: what an isotope is to nuclear recoils, with charge -1."""


_EV_PER_MEV = 1e6


@dataclass(frozen=True)
class Electrons:
    """Electrons of a material by the energy that frees them; hashable.

    Attributes:
        binding: Binding energies, increasing [MeV].
        per_kg: Electrons bound by each of them [1/kg].

    Examples:
        >>> lithium = cj.Electrons((0.0, 5.47e-5), (1.0, 2.0))
        >>> lithium.freed(np.array([1e-5, 1e-3]))
        array([1., 3.])
    """

    binding: tuple[float, ...]
    per_kg: tuple[float, ...]

    @property
    def kinks(self) -> tuple[float, ...]:
        """Energy transfers above 0 at which the number of free electrons jumps [MeV]."""
        return tuple(B for B in self.binding if B > 0)

    def freed(self, T: Arrays, xp: ModuleType = np) -> Arrays:
        """Electrons that an energy transfer can free, shaped like ``T`` [1/kg].

        Args:
            T: Energy transfer, to which a binding energy may be equal [MeV].
            xp: numpy or jax.numpy.
        """
        within = xp.searchsorted(xp.asarray(self.binding, dtype=T.dtype), T, side="right")
        return xp.asarray(np.cumsum([0.0, *self.per_kg]), dtype=T.dtype)[within]


@lru_cache(maxsize=1)
def _shells() -> dict[str, dict[float, float]]:
    """Electrons of each element by binding energy [MeV]."""
    table = read_csv("electrons", "shells.csv")
    shells: dict[str, dict[float, float]] = {}
    columns = (table[name] for name in ("element", "electrons", "binding_ev"))
    for element, number, eV in zip(*columns, strict=True):
        # Divided, so that levels equal the same numbers written in MeV.
        own, B = shells.setdefault(str(element), {}), float(eV) / _EV_PER_MEV
        own[B] = own.get(B, 0.0) + float(number)
    return shells


def _electrons(atoms: Iterable[tuple[str, float]]) -> Electrons:
    """Electrons of atoms, from pairs of an element and its number."""
    shells, levels = _shells(), {}
    for element, number in atoms:
        if element not in shells:
            raise UnknownNameError("element", element, shells)
        for B, electrons in shells[element].items():
            levels[B] = levels.get(B, 0.0) + number * electrons
    binding = tuple(sorted(levels))
    return Electrons(binding, tuple(levels[B] for B in binding))


def electrons_of(target: Target) -> Electrons:
    """The electrons of a material.

    Args:
        target: The material; its isotopes are atoms.

    Raises:
        UnknownNameError: At an element without tabulated levels.

    Examples:
        >>> germanium = cj.electrons_of(cj.target("Ge"))
        >>> germanium.kinks[-1]
        0.011103
        >>> one_keV, all_of_them = germanium.freed(np.array([0.001, 1.0]))
        >>> round(float(one_keV / all_of_them), 4)
        0.6875
    """
    pairs = zip(target.nuclei, target.per_kg, strict=True)
    return _electrons((nucleus.symbol, per_kg) for nucleus, per_kg in pairs)


def Z_eff(element: str, T: RealLike) -> Reals:
    """Electrons of an atom that an energy transfer can free, Z_eff [1].

    Args:
        element: Chemical symbol.
        T: Energy transfer, >= 0; not to be trusted below 3e-5 [MeV].

    Returns:
        Number of electrons, shaped like ``T`` [1].

    Raises:
        UnknownNameError: At an element without tabulated levels.

    Examples:
        >>> cj.Z_eff("Xe", jnp.array([0.0011, 0.02]))
        Array([42., 52.], dtype=float64)
    """
    return jnp.asarray(_electrons([(element, 1.0)]).freed(jnp.asarray(T, dtype=float), jnp))
