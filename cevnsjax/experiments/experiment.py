"""What an experiment is: data, target, detector, backgrounds and nuisances; no theory.

``Experiment`` is the recipe in NumPy float64; ``arrays`` turns it into ``ExperimentArrays``, the
pytree a compiled program takes as argument.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import numpy as np

from cevnsjax.cross_section import fermi_scale, kernels
from cevnsjax.detector.response import Detector, response
from cevnsjax.errors import InputError
from cevnsjax.flux.decay_at_rest import DecayAtRest, Survival
from cevnsjax.kinematics import E_nu_min, Kinematics, T_nr_max
from cevnsjax.nuclei import Nucleus, Target
from cevnsjax.parameters import Normal, Parameter

_LEAST_ENERGY = 12.0
SIGNAL = "signal"
"""Component name of the CEvNS signal."""


@dataclass(frozen=True)
class Pull:
    """A linear nuisance: multiplies its components by 1 + value.

    Attributes:
        name: Full parameter name, e.g. ``alpha_sig_csi2017``.
        sd: Standard deviation [1].
        components: Components it multiplies.
        meaning: One line for tables.
    """

    name: str
    sd: float
    components: tuple[str, ...]
    meaning: str

    def parameter(self, owner: str) -> Parameter:
        """The pull as an entry of a parameter table."""
        return Parameter(
            name=self.name,
            meaning=self.meaning,
            default=0.0,
            latex=rf"\alpha_\mathrm{{{self.name.split('_')[1]}}}",
            scale=self.sd,
            prior=Normal(0.0, self.sd),
            kind="nuisance",
            linear=True,
            owner=owner,
        )


@dataclass(frozen=True)
class SignalRecipe:
    """Static part of the signal: hashable, so that a compiled program can hold it."""

    detector: Detector
    flux: DecayAtRest
    nuclei: tuple[Nucleus, ...]
    kinematics: Kinematics
    structures: tuple[str, ...] = ("vector",)

    @property
    def kinks(self) -> np.ndarray:
        """End-point recoils of every source energy and nucleus, increasing [MeV]."""
        ends = {
            float(T_nr_max(E, n.mass, self.kinematics))
            for E in self.flux.kink_energies
            for n in self.nuclei
        }
        return np.array(sorted(ends))

    def nodes(self, shape: dict[str, Any], xp: Any) -> tuple[Any, Any]:
        """Recoil-energy nodes [MeV] and response matrix [bin, node] [MeV]."""
        return response(self.detector, self.kinks, shape, xp)

    def kernels(self, T_nr: Any, xp: Any, survival: Survival | None = None) -> dict[str, Any]:
        """Flux-folded kernels {nucleus: {structure: {source: [node]}}} [1]."""
        out = {}
        for n in self.nuclei:
            moments = self.flux.moments(T_nr, n.mass, self.kinematics, xp, survival)
            out[n.name] = kernels(T_nr, n, moments, self.kinematics, self.structures)
        return out

    def lowest_energy(self, T_nr: np.ndarray) -> float:
        """Least neutrino energy that reaches any node on any nucleus [MeV]."""
        lowest = [E_nu_min(T_nr.min(), n.mass, self.kinematics, np) for n in self.nuclei]
        return float(min(lowest))

    def survival_kernels(self, T_nr: np.ndarray, E_low: float) -> dict[str, Any]:
        """Kernels by energy of a survival probability, {...: [node, energy]} [1]."""
        column = T_nr[:, None]
        out = {}
        for n in self.nuclei:
            weights = self.flux.survival_weights(T_nr, n.mass, self.kinematics, E_low)
            out[n.name] = kernels(column, n, weights, self.kinematics, self.structures)
        return out


class ExperimentArrays(eqx.Module):
    """Arrays of one experiment; every array is a leaf, every name is static.

    Attributes:
        weights: Inverse variances, [bin] [1/count^2].
        backgrounds: Expected background counts by component, each [bin].
        norms: Events per MeV of recoil and unit of charge squared, {nucleus: scalar} [1/MeV].
        T_nr: Nodes, [node] [MeV]; unused where shape parameters move them.
        R: Response, [bin, node] [MeV].
        kernels: {nucleus: {structure: {source: [node]}}} [1].
        pull_sd: Standard deviations of the pulls, {name: scalar}.
        energies: Where neutrinos oscillate: energies of the survival probabilities, {source:
            [energy]} [MeV]; kernels are then [node, energy]. Empty otherwise.
    """

    weights: Any
    backgrounds: dict[str, Any]
    norms: dict[str, Any]
    T_nr: Any
    R: Any
    kernels: dict[str, Any]
    pull_sd: dict[str, Any]
    energies: dict[str, Any]
    name: str = eqx.field(static=True)
    signal: SignalRecipe = eqx.field(static=True)
    pulls: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)
    shape: tuple[tuple[str, str], ...] = eqx.field(static=True)


@dataclass(frozen=True, eq=False)
class Experiment:
    """One data release as a recipe.

    Attributes:
        name: Name, e.g. "csi-2017".
        target: Detector material.
        mass_kg: Active mass [kg].
        flux: Neutrino source.
        detector: How recoils are seen.
        observable: Name of the binned observable.
        observed: Observed counts, background-subtracted where the papers do so, [bin].
        variance: Variance of ``observed``, [bin].
        backgrounds: Expected background counts, {component: [bin]}.
        pulls: Linear nuisances.
        shape: Short names of nonlinear shape parameters and their table entries.
        title: One line for tables and plots.
        source: Citation.
    """

    name: str
    target: Target
    mass_kg: float
    flux: DecayAtRest
    detector: Detector
    observable: str
    observed: np.ndarray
    variance: np.ndarray
    backgrounds: dict[str, np.ndarray]
    pulls: tuple[Pull, ...]
    shape: dict[str, Parameter] = field(default_factory=dict)
    title: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        bins = (len(self.detector.edges) - 1,)
        for what, array in {
            "observed": self.observed,
            "variance": self.variance,
            **self.backgrounds,
        }.items():
            if array.shape != bins:
                raise InputError(f"{self.name}: {what} has shape {array.shape}, expected {bins}")
            if not np.all(np.isfinite(array)):
                raise InputError(f"{self.name}: {what} is not finite everywhere: {array}")
        if not self.mass_kg > 0:
            raise InputError(f"{self.name}: mass_kg must be > 0, got {self.mass_kg}")
        if not np.all(self.variance > 0):
            empty = np.flatnonzero(self.variance <= 0).tolist()
            raise InputError(
                f"{self.name}: bins {empty} have no variance (empty in signal and background "
                "windows); merge them or choose another window"
            )

    @property
    def edges(self) -> np.ndarray:
        """Bin edges of the observable."""
        return np.array(self.detector.edges)

    @property
    def parameters(self) -> list[Parameter]:
        """Nuisance parameters the experiment declares."""
        return [*self.shape.values(), *(p.parameter(self.name) for p in self.pulls)]

    def with_data(self, observed: np.ndarray) -> "Experiment":
        """The same experiment with other observed counts (its variance stays)."""
        return replace(self, observed=np.asarray(observed, dtype=float))

    def arrays(
        self,
        kinematics: Kinematics,
        dtype: np.dtype,
        structures: tuple[str, ...] = ("vector",),
        *,
        oscillating: bool = False,
    ) -> ExperimentArrays:
        """The pytree of arrays for a compiled program.

        Args:
            kinematics: Convention of the theory; panels break at its end points.
            dtype: Float type of every array.
            structures: Structures of the cross section the theory fills.
            oscillating: Whether the theory has survival probabilities.
        """
        signal = SignalRecipe(self.detector, self.flux, self.target.nuclei, kinematics, structures)
        self.detector.require_monotonic(float(signal.kinks[-1]))
        T_nr, R, kernel = _static_signal(signal)
        E_low = signal.lowest_energy(T_nr)
        # With moving nodes, or where probabilities oscillate without end towards E = 0, the
        # moments are integrated inside the trace.
        tabulated = oscillating and not self.shape and E_low > _LEAST_ENERGY
        if tabulated:
            kernel = signal.survival_kernels(T_nr, E_low)
        norms = {
            n.name: self.mass_kg * per_kg * self.flux.fluence * fermi_scale(n.mass)
            for n, per_kg in zip(self.target.nuclei, self.target.per_kg, strict=True)
        }

        def leaf(number: Any) -> jax.Array:
            return jax.device_put(np.asarray(number, dtype=dtype))

        arrays = {
            "weights": 1 / self.variance,
            "backgrounds": self.backgrounds,
            "norms": norms,
            "T_nr": T_nr,
            "R": R,
            "kernels": kernel,
            "pull_sd": {p.name: p.sd for p in self.pulls},
            "energies": self.flux.survival_energies(E_low) if tabulated else {},
        }
        return ExperimentArrays(
            **jax.tree.map(leaf, arrays),
            name=self.name,
            signal=signal,
            pulls=tuple((p.name, p.components) for p in self.pulls),
            shape=tuple((short, p.name) for short, p in self.shape.items()),
        )


@lru_cache(maxsize=64)
def _static_signal(signal: SignalRecipe) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    T_nr, R = signal.nodes({}, np)
    return T_nr, R, signal.kernels(T_nr, np)
