"""What signals to second order are made of, with couplings and nodes apart.

At a node the charges of interactions without a range are linear in the form factors of the nucleus.
What multiplies the kernel of a structure and source then is a F_p^2 + b F_p F_n + c F_n^2, with
numbers a, b, c that depend on couplings alone; radii, shapes and oscillations move the rest. Either
is differentiated by what it depends on: nodes never meet derivatives by couplings, and a form
factor none but by its own radius and by what moves the nodes. ``separated`` puts them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.cross_section import strengths
from cevnsjax.detector.matrices import Bands
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.interactions.charges import NucleusAtNodes
from cevnsjax.interactions.interaction import survival_of
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.model.expansion.dependence import arguments_used, degrees
from cevnsjax.model.expansion.jets import Jet, jets, near
from cevnsjax.model.expansion.second_order import Point
from cevnsjax.model.signal import T_max, nodes
from cevnsjax.model.structure import Interactions
from cevnsjax.nuclei import Nucleus
from cevnsjax.rate import charges_at, standard_model

# Form factors at which a form a F_p^2 + b F_p F_n + c F_n^2 is evaluated.
_F_P, _F_N = (1.0, 0.0, 1.0), (0.0, 1.0, 1.0)

Scalars = Sequence[Reals] | Point


class SignalParts(NamedTuple):
    """What a signal is made of, at one point or at many.

    Coordinates are the parameters that move nodes, responses or kernels, then radii.

    Attributes:
        forms: The numbers a, b and c by the parameters, [nucleus, source, structure, 3] [1].
        coordinates: By the parameters, R_p and R_n the last two, [nucleus, coordinate].
        form_factors: F_p and F_n by the coordinates, each by its own radius, if any is moved,
            [nucleus, 2, node] [1].
        weights: Kernels times numbers of nuclei by all coordinates but radii, [nucleus, source,
            structure, node] [1/MeV].
        responses: Response matrices, likewise, [variant and bin, node] [MeV].
    """

    forms: Jet
    coordinates: Jet
    form_factors: Jet
    weights: Jet
    responses: Jet


class FixedNodes(NamedTuple):
    """What a signal is made of where nothing acts at the nodes.

    Attributes:
        forms: As in ``SignalParts``, [source, nucleus, structure, 3] [1].
        counts: What multiplies them, [1, source, nucleus, structure, 3, variant and bin] [count].
    """

    forms: Jet
    counts: Float[Any, "1 source nucleus structure 3 cell"]


@dataclass(frozen=True)
class SeparableSignal:
    """The signal of one experiment as a function of some parameters.

    Attributes:
        e: The experiment.
        interactions: The StandardModel first, then any others.
        values: All parameters.
        names: Those that vary.
    """

    e: ExperimentArrays
    interactions: Interactions
    values: Values
    names: tuple[str, ...]

    def at(self, point: Scalars) -> Values:
        """Values of all parameters where those that vary are at a point."""
        return {**self.values, **dict(zip(self.names, point, strict=True))}

    @property
    def _sm(self) -> StandardModel:
        return standard_model(self.interactions)

    @property
    def _nuclei(self) -> tuple[Nucleus, ...]:
        return self.e.signal.nuclei

    @property
    def _kernels(self) -> list[tuple[str, str]]:
        """Source and structure of every kernel."""
        signal = self.e.signal
        return [(source, t) for source in signal.flux.sources for t in signal.structures]

    @property
    def _shape(self) -> tuple[int, int, int]:
        """Numbers of nuclei, sources and structures."""
        signal = self.e.signal
        return len(self._nuclei), len(signal.flux.sources), len(signal.structures)

    @property
    def _scalars(self) -> list[Any]:
        return [jax.ShapeDtypeStruct((), self.e.T_nr.dtype)] * len(self.names)

    @cached_property
    def common(self) -> tuple[int, ...]:
        """Numbers of the parameters that move nodes, responses or kernels."""
        flux = self.e.signal.flux

        def survival(E: Reals, *p: Reals) -> list[Any]:
            of = survival_of(self.interactions, self.at(p), flux.baseline_m)
            return [of(source, E) for source in flux.sources] if of else []

        energies = jax.ShapeDtypeStruct((1,), self.e.T_nr.dtype)
        used = arguments_used(survival, energies, *self._scalars)[1:]
        shapes = {name for _, name in self.e.shape}
        return tuple(k for k, n in enumerate(self.names) if used[k] or n in shapes)

    @cached_property
    def by_radii(self) -> tuple[int, ...]:
        """Numbers of the parameters that move radii."""
        used = arguments_used(lambda *p: self._radii(p), *self._scalars)
        return tuple(k for k, moves in enumerate(used) if moves)

    def is_separable(self) -> bool:
        """Whether all strengths are quadratic forms in form factors of radii."""
        if type(self._sm).form_factors is not StandardModel.form_factors:
            return False
        if not isinstance(self.e.R, Bands) or self.e.R.values.shape[1] != 1:
            # Of so many bins most entries of the response are zeros that are not kept.
            return False
        if self.e.electrons is not None:
            # They have no form factors, and nodes of their own.
            return False
        here = [self.values[name] for name in self.names]

        def all_strengths(q2: Reals, F_p: Reals, F_n: Reals) -> Any:
            return [self._strengths(here, nucleus, q2, F_p, F_n) for nucleus in self._nuclei]

        at_nodes = jax.ShapeDtypeStruct(self.e.T_nr.shape, self.e.T_nr.dtype)
        return degrees(all_strengths, [None, 1, 1], *[at_nodes] * 3) <= {2}

    def _strengths(
        self, point: Scalars, nucleus: Nucleus, q2: Reals, F_p: Reals, F_n: Reals
    ) -> dict[str, Any]:
        at_nodes = NucleusAtNodes(nucleus, q2, F_p, F_n, self.e.signal.flux.sources)
        charges = charges_at(self.interactions, self.at(point), at_nodes)
        return strengths(charges, self.e.kernels[nucleus.name])

    def parts(self, points: Float[Array, "point name"]) -> SignalParts | FixedNodes:
        """What the signal is made of at many points; arrays that do not depend on them have one."""
        if not self.common and not self.by_radii:
            forms = jax.vmap(lambda p: jets(lambda q: [jnp.swapaxes(self._forms(q), 0, 1)], p)[0])
            return FixedNodes(forms(points), self._counts()[None])
        at_nodes = 0 if self.common else None
        axes = (0, 0, 0, at_nodes, at_nodes)
        parts = SignalParts(*jax.vmap(self._parts, out_axes=axes)(points))
        if not self.common:
            weights, responses = Jet(parts.weights.value[None]), Jet(parts.responses.value[None])
            parts = parts._replace(weights=weights, responses=responses)
        return parts

    def _parts(self, point: Point) -> tuple[Jet, Jet, Jet, Jet, Jet]:
        here, names = self.at(list(point)), [self.names[k] for k in self.common]
        forms, coordinates = jets(lambda p: [self._forms(p), self._coordinates(p)], point)
        dtype, radii = self.e.T_nr.dtype, self._radii(list(point))

        def node_arrays(step: Point) -> list[Reals]:
            moved = {name: here[name] + a for name, a in zip(names, step, strict=True)}
            return self._node_arrays({**here, **moved})

        nowhere = jnp.zeros(len(names), dtype)
        arrays = jets(node_arrays, nowhere) if names else map(Jet, node_arrays(nowhere))
        T_nr, weights, responses = arrays

        def form_factors(step: Point) -> list[Reals]:
            R = radii + step[-1] if self.by_radii else radii
            return [self._form_factors(near(T_nr, list(step[: len(names)])), R)]

        (F,) = jets(form_factors, jnp.zeros(len(names) + bool(self.by_radii), dtype))
        return forms, coordinates, F, weights, responses

    def _counts(self) -> Float[Array, "source nucleus structure 3 cell"]:
        """What each product of form factors counts where nothing varies at the nodes."""
        T_nr, weights, responses = self._node_arrays(self.values)
        here = [self.values[name] for name in self.names]
        F_p, F_n = jnp.swapaxes(self._form_factors(T_nr, self._radii(here)), 0, 1)
        products = jnp.stack([F_p * F_p, F_p * F_n, F_n * F_n], axis=1)
        at_nodes = jnp.einsum("xmn,xstn->sxtmn", products, weights)
        return at_nodes @ responses.T

    def _forms(self, point: Scalars) -> Float[Array, "nucleus source structure 3"]:
        dtype = self.e.T_nr.dtype
        F_p, F_n = jnp.asarray(_F_P, dtype), jnp.asarray(_F_N, dtype)
        nowhere, nothing = jnp.full_like(F_p, jnp.nan), jnp.zeros_like(F_p)
        by_nucleus = [self._strengths(point, n, nowhere, F_p, F_n) for n in self._nuclei]
        values = [
            by_structure.get(structure, {}).get(source, nothing)
            for by_structure in by_nucleus
            for source, structure in self._kernels
        ]
        pp, nn, both = jnp.stack(values).T
        return jnp.stack([pp, both - pp - nn, nn], axis=-1).reshape(*self._shape, 3)

    def _radii(self, point: Scalars) -> Float[Array, "nucleus 2"]:
        values = self.at(point)
        radii = [self._sm.radii_of(values, nucleus) for nucleus in self._nuclei]
        return jnp.asarray(radii, self.e.T_nr.dtype)

    def _coordinates(self, point: Scalars) -> Float[Array, "nucleus coordinate"]:
        radii = self._radii(point)
        shared = [jnp.broadcast_to(point[k], radii.shape[:1]) for k in self.common]
        return jnp.stack([*shared, *radii.T], axis=-1)

    def _node_arrays(self, values: Values) -> list[Reals]:
        """Nodes, weights and responses."""
        at, norms = nodes(self.e, self.interactions, values), self.e.norms
        weights = [
            norms[nucleus.name] * at.kernels[nucleus.name][structure][source]
            for nucleus in self._nuclei
            for source, structure in self._kernels
        ]
        rows = jnp.stack(weights).reshape(*self._shape, -1)
        matrices = [r.values for r in at.responses if isinstance(r, Bands)]
        by_bin = [jnp.asarray(m).reshape(-1, m.shape[-1]) for m in matrices]
        return [jnp.asarray(at.T_nr), rows, jnp.concatenate(by_bin)]

    def _form_factors(
        self, T_nr: Float[Array, " node"], R: Float[Array, "nucleus 2"]
    ) -> Float[Array, "nucleus 2 node"]:
        masses = [2 * nucleus.mass for nucleus in self._nuclei]
        q2_max = max(masses) * T_max(self.e)
        by_radius = jax.vmap(lambda q2, R: self._sm.amplitude(q2, R, q2_max), (None, 0))
        return jax.vmap(by_radius)(jnp.stack([two_M * T_nr for two_M in masses]), R)
