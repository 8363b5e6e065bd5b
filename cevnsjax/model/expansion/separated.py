"""Signals near many points from what they are made of, in NumPy: see ``separable``.

Arrays are [point, ...], with one point if they are the same at all; axes of derivatives follow.
Second derivatives are not formed bin by bin: what needs them is a sum over bins.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cevnsjax.model.expansion.jets import Jet, product
from cevnsjax.model.expansion.separable import FixedNodes, SignalParts

# The two form factors of each product, 0 of protons and 1 of neutrons.
_LEFT, _RIGHT = np.array([0, 0, 1]), np.array([0, 1, 1])

Weights = Float[np.ndarray, "point source variant bin"]
FirstOrder = tuple[
    Float[np.ndarray, "point source variant bin"],
    Float[np.ndarray, "point name source variant bin"],
]
ByNames = Float[np.ndarray, "point name name"]


@dataclass(frozen=True)
class FixedSignal:
    """The signal of one experiment near many points where nothing acts at the nodes.

    Attributes:
        forms: What multiplies counts, by the parameters, [source, row] [1].
        counts: [source, row, variant and bin] [count].
        variants: Number of response matrices.
    """

    forms: Jet
    counts: np.ndarray
    variants: int

    @classmethod
    def of(cls, parts: FixedNodes, sources: int, variants: int) -> "FixedSignal":
        """The signal made of some parts."""
        forms = parts.forms.map(lambda x: _rows(x, sources, axes=4))
        return cls(forms, _rows(parts.counts[0], sources, 1, axes=4), variants)

    def to_first_order(self) -> FirstOrder:
        """Counts, and their derivatives by the parameters."""
        value, slope = (x[..., None, :] @ self.counts for x in self.forms[:2])
        return _bins(value[..., 0, :], self.variants), _bins(slope[..., 0, :], self.variants)

    def curving(self, weights: Weights) -> ByNames:
        """Second derivatives of the sum of weights times counts by the parameters."""
        multipliers = self.counts @ _flat(weights, 2)[..., None]
        return _through_forms(self.forms, multipliers)


@dataclass(frozen=True)
class SeparatedSignal:
    """The signal of one experiment near many points.

    Attributes:
        forms: What multiplies densities, by the parameters, [nucleus, source, row] [1]; a row is a
            structure and a product of form factors, and a source if they are merged into one.
        coordinates: By the parameters, [nucleus, coordinate].
        products: Of form factors, by the coordinates, [nucleus, 3, node] [1].
        weights: By the first coordinates, [nucleus, source, structure, node] [1/MeV].
        responses: By the first coordinates, [variant and bin, node] [MeV].
        sources: Number of sources that are told apart.
        variants: Number of response matrices.
    """

    forms: Jet
    coordinates: Jet
    products: Jet
    weights: Jet
    responses: Jet
    sources: int
    variants: int

    @classmethod
    def of(cls, parts: SignalParts, sources: int, variants: int) -> "SeparatedSignal":
        """The signal made of some parts."""
        common = parts.weights.size
        moved = (parts.coordinates.slope != 0) | np.any(parts.coordinates.curvature != 0, axis=1)
        radii = np.any(moved[..., common:], axis=(0, 1, 2))
        # Radii that do not move at any of the points count as one of protons that does not.
        kinds = [kind for kind in (0, 1) if radii[kind]] or ([] if common else [0])
        chosen = [*range(common), *(common + kind for kind in kinds)]
        return cls(
            parts.forms.map(lambda x: _rows(x, sources)),
            parts.coordinates.map(lambda x: x[..., chosen]),
            _products(parts.form_factors, common, kinds),
            parts.weights,
            parts.responses,
            sources,
            variants,
        )

    def to_first_order(self) -> FirstOrder:
        """Counts, and their derivatives by the parameters."""
        first = self.weights.size
        densities = self._densities(self.products.value, self.weights.value)
        by_coordinates = self._densities(self.products.slope, self.weights.value[:, None])
        if first:
            moved = self._densities(self.products.value[:, None], self.weights.slope)
            by_coordinates[:, :first] += moved
        forms = self.forms.value[..., None, :]
        rate = (forms @ densities).sum(1)
        # Through the forms, then through the coordinates of each nucleus.
        rates = (np.moveaxis(self.forms.slope, 1, 3) @ densities).sum(1)
        along = np.moveaxis((forms[:, None] @ by_coordinates)[..., 0, :], 1, 3)
        through = np.moveaxis(self.coordinates.slope, 1, 2)[:, :, None]
        rates = rates + (through @ along).sum(1)
        responses = self.responses.value.swapaxes(-1, -2)[:, None]
        value, slope = rate @ responses, rates @ responses
        if first:
            by_first = rate[:, None] @ self.responses.slope.swapaxes(-1, -2)[:, :, None]
            by_names = self.coordinates.slope[:, None, :, 0, :first]
            slope = slope + by_names @ by_first[..., 0, :].swapaxes(1, 2)
        value = _bins(value[..., 0, :], self.variants)
        return value, _bins(slope.swapaxes(1, 2), self.variants)

    def curving(self, weights: Weights) -> ByNames:
        """Second derivatives of the sum of weights times counts by the parameters."""
        by_bin, R = _flat(weights, 2), self.responses
        at_nodes = Jet(by_bin @ R.value)
        if R.size:
            slope, curvature = by_bin[:, None] @ R.slope, by_bin[:, None, None] @ R.curvature
            at_nodes = Jet(at_nodes.value, slope, curvature)
        folded = product(lambda W, a: W * a[..., None, :, None, :], self.weights, at_nodes)
        # What multiplies the forms, by the coordinates: [point, nucleus, row].
        multipliers = product(_folded, self.products, folded)
        out = _through_forms(self.forms, multipliers.value)
        forms = _flat(self.forms.value, 2)[..., None]
        first = _flat(np.moveaxis(multipliers.slope, 1, 2), 3)
        second = _flat(np.moveaxis(multipliers.curvature, 3, 1), 4)
        # Through the forms of each nucleus and its coordinates, then through these twice.
        through = self.coordinates.slope.swapaxes(1, 2)
        slopes = _flat(np.moveaxis(self.forms.slope, 1, 2), 3)
        mixed = (slopes @ first.swapaxes(-1, -2) @ through.swapaxes(-1, -2)).sum(1)
        inner = (second @ forms[:, :, None])[..., 0]
        out = out + mixed + mixed.swapaxes(1, 2)
        out = out + (through @ inner @ through.swapaxes(-1, -2)).sum(1)
        if self.coordinates.curvature.any():
            along = _flat((first @ forms)[..., 0], 1)
            out = out + (_flat(self.coordinates.curvature, 3) @ along[:, None, :, None])[..., 0]
        return out

    def _densities(self, products: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Products [..., nucleus, 3, node] times weights: [..., nucleus, source, row, node]."""
        return _rows(products[..., None, None, :, :] * weights[..., None, :], self.sources, 1)


def _bins(counts: np.ndarray, variants: int) -> np.ndarray:
    """[..., variant and bin] as [..., variant, bin]."""
    return counts.reshape(*counts.shape[:-1], variants, counts.shape[-1] // variants)


def _rows(x: np.ndarray, sources: int, after: int = 0, *, axes: int = 3) -> np.ndarray:
    """Some axes, the first of sources, with all others, or all, as one: [..., source, row, *]."""
    end = x.ndim - after
    rows = math.prod(x.shape[end - axes : end]) // sources
    return x.reshape(*x.shape[: end - axes], sources, rows, *x.shape[end:])


def _through_forms(forms: Jet, multipliers: np.ndarray) -> ByNames:
    """Second derivatives of the sum of forms times multipliers."""
    by_forms = _flat(forms.curvature, 3) @ _flat(multipliers, 1)[:, None, :, None]
    return by_forms[..., 0]


def _flat(x: np.ndarray, keep: int) -> np.ndarray:
    """The axes after some as one."""
    return x.reshape(*x.shape[:keep], math.prod(x.shape[keep:]))


def _products(form_factors: Jet, common: int, kinds: list[int]) -> Jet:
    """F_p^2, F_p F_n and F_n^2 by the first coordinates, then by the radii that are moved."""
    F, dF, ddF = form_factors
    points, count = F.shape[0], common + len(kinds)
    slope = np.zeros((points, count, *F.shape[1:]), F.dtype)
    curvature = np.zeros((points, count, count, *F.shape[1:]), F.dtype)
    slope[:, :common], curvature[:, :common, :common] = dF[:, :common], ddF[:, :common, :common]
    for place, kind in enumerate(kinds, common):
        # Each form factor depends on its own radius.
        slope[:, place, :, kind] = dF[:, common, :, kind]
        curvature[:, place, place, :, kind] = ddF[:, common, common, :, kind]
        curvature[:, place, :common, :, kind] = ddF[:, common, :common, :, kind]
        curvature[:, :common, place, :, kind] = ddF[:, :common, common, :, kind]
    expanded = Jet(F, slope, curvature)
    left, right = (expanded.map(lambda x, k=k: x[..., k, :]) for k in (_LEFT, _RIGHT))
    return product(np.multiply, left, right)


def _folded(products: np.ndarray, at_nodes: np.ndarray) -> np.ndarray:
    """Sums over nodes: [..., nucleus, row, 3] from [..., nucleus, source, structure, node]."""
    rows = at_nodes.reshape(*at_nodes.shape[:-3], -1, at_nodes.shape[-1])
    return rows @ products.swapaxes(-1, -2)
