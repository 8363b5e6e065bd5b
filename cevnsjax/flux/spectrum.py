"""A spectrum given as a table: interpolation, and moments by quadrature that is exact for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import PchipInterpolator, PPoly

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Arrays, Moments, Numbers, RealLike
from cevnsjax.flux import oscillation
from cevnsjax.flux.oscillation import NodesAbove
from cevnsjax.flux.panels import Index, Panels, density, geometric_cuts, place
from cevnsjax.numerics import legendre, total

INTERPOLATIONS = ("linear", "monotone")

# On panels as narrow as ``panels.PANEL_RATIO`` they integrate a cubic over E^2 to 1e-15.
_NODES_PER_PANEL = 6


@dataclass(frozen=True)
class Spectrum:
    """A neutrino spectrum between points of a table, scaled to integrate to one.

    Outside the table it is zero. An energy given twice is a step: the density jumps there from
    the first value to the second.

    Attributes:
        energies: Increasing, above 0 [MeV].
        densities: At those energies, in any normalisation, >= 0 [1/MeV].
        interpolation: "linear", or "monotone": piecewise cubic with a continuous slope and no
            overshoot (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 300).

    Examples:
        >>> triangle = cj.Spectrum([1.0, 5.0, 10.0], [0.0, 1.0, 0.0])
        >>> round(triangle.integral, 3), triangle.kink_energies
        (4.5, (1.0, 10.0))
        >>> triangle.density(np.array([5.0]), np).round(3)
        array([0.222])
    """

    energies: Sequence[float] | np.ndarray = field(repr=False, compare=False)
    densities: Sequence[float] | np.ndarray = field(repr=False, compare=False)
    interpolation: str = "linear"
    _table: bytes = field(init=False, repr=False, default=b"")

    def __post_init__(self) -> None:
        if self.interpolation not in INTERPOLATIONS:
            raise UnknownNameError("interpolation", self.interpolation, INTERPOLATIONS)
        E, f = (np.array(a, dtype=float) for a in (self.energies, self.densities))
        _require_table(E, f)
        for name, array in (("energies", E), ("densities", f)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        # Equality and hash use bytes; arrays are not hashable.
        object.__setattr__(self, "_table", np.stack([E, f]).tobytes())

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        vars(self).update(attributes)
        # A copy has arrays of its own, which can be written to at first.
        for array in (self.energies, self.densities):
            np.asarray(array).flags.writeable = False

    @cached_property
    def _panels(self) -> Panels:
        """Panel edges [panel + 1] [MeV] and local cubics as in ``PPoly.c``, not normalised."""
        E, f = np.asarray(self.energies), np.asarray(self.densities)
        steps = np.flatnonzero(np.diff(E) == 0) + 1
        pieces = [
            _piece(E_part, f_part, self.interpolation)
            for E_part, f_part in zip(np.split(E, steps), np.split(f, steps), strict=True)
        ]
        edges = np.concatenate([*(p[0][:-1] for p in pieces), E[-1:]])
        return edges, np.concatenate([p[1] for p in pieces], axis=1)

    @cached_property
    def _above(self) -> Arrays:
        """Integrals of density times E^-k above every edge, [k, panel + 1] [MeV^-k]."""
        return _sums_above(self._panels)

    @property
    def integral(self) -> float:
        """Integral of the densities as given [1]."""
        return float(self._above[0, 0])

    @property
    def kink_energies(self) -> tuple[float, ...]:
        """First energy, steps and last energy [MeV].

        There the density is not continuous. At other points of a linear table its slope is not,
        which leaves the rate twice differentiable.
        """
        E = np.asarray(self.energies)
        return (float(E[0]), *map(float, E[1:][np.diff(E) == 0]), float(E[-1]))

    def density(self, E_nu: RealLike, xp: ModuleType) -> Numbers:
        """Unit-normalised density, shaped like ``E_nu`` [1/MeV].

        Args:
            E_nu: Neutrino energy [MeV].
            xp: numpy or jax.numpy.
        """
        E = xp.asarray(E_nu) * 1.0
        panels = self._arrays(E.dtype, xp)
        edges = panels[0]
        inside = xp.clip(E, edges[0], edges[-1])
        value = density(panels, place(edges, inside, xp), inside) / self.integral
        return xp.where((edges[0] <= E) & (edges[-1] >= E), value, 0.0)

    def nodes_above(self, E_min: Numbers, baseline_m: float, xp: ModuleType) -> NodesAbove:
        """Nodes of the moments above E_min of a spectrum that oscillates.

        Args:
            E_min: Lower bounds, of any shape [MeV].
            baseline_m: Distance over which it oscillates, which says how fast [m].
            xp: numpy or jax.numpy.
        """
        return oscillation.nodes_above(_phase_panels(self, baseline_m), E_min, xp)

    def moments(self, E_min: Numbers, xp: ModuleType) -> Moments:
        """Integrals of density times E^-k above E_min, k = 0, 1, 2.

        Args:
            E_min: Lower bounds, of any shape [MeV].
            xp: numpy or jax.numpy.

        Returns:
            I_0, I_1, I_2, each shaped like ``E_min`` [MeV^-k].
        """
        lowest = xp.asarray(E_min)
        panels = self._arrays(lowest.dtype, xp)
        edges = panels[0]
        above = xp.asarray(self._above, dtype=lowest.dtype)
        low = xp.clip(lowest, edges[0], edges[-1])
        index = place(edges, low, xp)
        rest = _integrals(panels, low, edges[1:][index], index)
        I_0, I_1, I_2 = (
            (a[1:][index] + r) / self.integral for a, r in zip(above, rest, strict=True)
        )
        return I_0, I_1, I_2

    def _arrays(self, dtype: np.dtype, xp: ModuleType) -> Panels:
        edges, cubics = self._panels
        return xp.asarray(edges, dtype=dtype), xp.asarray(cubics, dtype=dtype)


def _require_table(E: np.ndarray, f: np.ndarray) -> None:
    if E.ndim != 1 or E.shape != f.shape or len(E) < 2:
        raise InputError(f"a spectrum needs two columns of two or more, got {E.shape}, {f.shape}")
    if not (np.all(np.isfinite(E)) and np.all(np.isfinite(f))):
        raise InputError("a spectrum needs finite energies and densities")
    if E[0] <= 0:
        raise InputError(f"a spectrum starts above 0 MeV, got {E[0]:g}; leave that point out")
    same = np.diff(E) == 0
    if np.any(np.diff(E) < 0) or same[0] or same[-1] or np.any(same[1:] & same[:-1]):
        raise InputError("energies must increase; twice the same makes a step, inside the table")
    if np.any(f < 0) or not np.any(f > 0):
        raise InputError(f"densities must be >= 0 and not all 0, got a minimum of {f.min():g}")


def _piece(
    E: Float[np.ndarray, " point"], f: Float[np.ndarray, " point"], interpolation: str
) -> tuple[Float[np.ndarray, " edge"], Float[np.ndarray, "4 panel"]]:
    """Edges and local cubics of a piece without steps, panels cut to the allowed ratio."""
    if interpolation == "linear":
        curve = PPoly(np.stack([np.diff(f) / np.diff(E), f[:-1]]), E)
    else:
        curve = PchipInterpolator(E, f)
    low = np.concatenate([geometric_cuts(a, b)[:-1] for a, b in pairwise(E.tolist())])
    # The same cubic about each new edge: Taylor coefficients, highest power first.
    cubics = np.stack([curve(low, nu=n) / math.factorial(n) for n in (3, 2, 1, 0)])
    return np.append(low, E[-1]), cubics


def _integrals(
    panels: Panels, low: Numbers, high: Numbers, index: Index | slice = slice(None)
) -> Moments:
    """Integrals of density times E^-k from low to high, within the panels of ``index``."""
    half, middle = (high - low) / 2, (high + low) / 2
    sums: list[list[Numbers]] = [[], [], []]
    # A loop over nodes broadcasts nothing, so that ``low`` may have any shape.
    for x, w in zip(*(a.tolist() for a in legendre(_NODES_PER_PANEL)), strict=True):
        E = middle + half * x
        part = half * w * density(panels, index, E)
        for k, terms in enumerate(sums):
            terms.append(part / E**k)
    return total(sums[0]), total(sums[1]), total(sums[2])


def _sums_above(panels: Panels) -> Arrays:
    """Integrals above every edge, [k, panel + 1] [MeV^-k], summed from the top down."""
    edges, _ = panels
    parts = np.stack(_integrals(panels, edges[:-1], edges[1:]))
    return np.pad(np.cumsum(parts[:, ::-1], axis=1)[:, ::-1], ((0, 0), (0, 1)))


@lru_cache(maxsize=32)
def _phase_panels(spectrum: Spectrum, baseline_m: float) -> oscillation.PhasePanels:
    edges, cubics = spectrum._panels
    return oscillation.phase_panels((edges, cubics / spectrum.integral), baseline_m)
