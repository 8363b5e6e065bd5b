"""The static part of a signal: what folds rates into bins."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.core.kinematics import E_nu_min, Kinematics, T_nr_max
from cevnsjax.core.types import AtNodes, Moments, Survival, Values
from cevnsjax.cross_section import Kernels, kernels
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.panels import Panels
from cevnsjax.detector.response import Response, response
from cevnsjax.flux.oscillation import NodesAbove
from cevnsjax.flux.source import NeutrinoSource, OscillatingSource
from cevnsjax.nuclei import Nucleus
from cevnsjax.rate import flux_kernels


@dataclass(frozen=True)
class SignalRecipe:
    """Static part of the signal: hashable, so that a compiled program can hold it."""

    detector: Detector
    flux: NeutrinoSource
    nuclei: tuple[Nucleus, ...]
    kinematics: Kinematics
    structures: tuple[str, ...] = ("vector",)
    panels: Panels | None = None
    breaks: tuple[float, ...] = ()

    @property
    def kinks(self) -> Float[np.ndarray, " kink"]:
        """``breaks``, or end-point recoils of every source energy and nucleus, increasing [MeV]."""
        if self.breaks:
            return np.array(self.breaks)
        return end_points(self.flux, self.nuclei, self.kinematics)

    @property
    def has_moving_nodes(self) -> bool:
        """Whether shape parameters move the nodes: they do where bins are recoil intervals."""
        return self.detector.resolution is None

    def nodes(self, shape: Values, xp: ModuleType) -> Response:
        """Recoil-energy nodes [MeV] and response matrix [MeV]."""
        return response(self.detector, self.kinks, shape, xp, self.panels)

    def kernels(
        self, T_nr: AtNodes, xp: ModuleType, survival: Survival | None = None
    ) -> dict[str, Kernels]:
        """Flux-folded kernels {nucleus: {structure: {source: [node]}}} [1]."""
        return flux_kernels(
            self.flux, self.nuclei, T_nr, self.kinematics, self.structures, xp, survival
        )

    def nodes_above(self, T_nr: Float[np.ndarray, " node"]) -> dict[str, NodesAbove]:
        """Nodes of the moments of neutrinos that oscillate, by source; none if it has no such.

        The energies they lie above are those of all nuclei, one nucleus after the other.
        """
        if not isinstance(self.flux, OscillatingSource):
            return {}
        E_min = np.stack([E_nu_min(T_nr, n.mass, self.kinematics, np) for n in self.nuclei])
        return {s: above.trimmed() for s, above in self.flux.nodes_above(E_min, np).items()}

    def oscillating_kernels(
        self, T_nr: AtNodes, above: Mapping[str, NodesAbove], survival: Survival
    ) -> dict[str, Kernels]:
        """Kernels as ``kernels`` gives them, from ``nodes_above`` of the same recoil energies."""
        shape = (3, len(self.nuclei), *T_nr.shape)
        moments = {
            s: jnp.reshape(nodes.moments(partial(survival, s), jnp), shape)
            for s, nodes in above.items()
        }
        by_nucleus = {}
        for i, n in enumerate(self.nuclei):
            own: dict[str, Moments] = {s: (m[0, i], m[1, i], m[2, i]) for s, m in moments.items()}
            by_nucleus[n.name] = kernels(T_nr, n, own, self.kinematics, self.structures)
        return by_nucleus


def end_points(
    flux: NeutrinoSource, nuclei: tuple[Nucleus, ...], kinematics: Kinematics
) -> Float[np.ndarray, " kink"]:
    """End-point recoils of every source energy and nucleus, increasing [MeV]."""
    ends = {float(T_nr_max(E, n.mass, kinematics)) for E in flux.kink_energies for n in nuclei}
    return np.array(sorted(ends))
