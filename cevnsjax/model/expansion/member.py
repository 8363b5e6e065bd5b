"""One experiment's counts by parameters, beside what nuisances do to them, in NumPy.

Parameters reach the counts through the signal, which is known to second order, and through pulls
that are free. Where morphs bend the signal its counts are e f(c/e), with c the interpolated
template and e a part of nominal: derivatives by a parameter follow from those of c and e.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.namespaces import picked, placed
from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.likelihood.counts import Scaled
from cevnsjax.likelihood.stacks import Stack
from cevnsjax.likelihood.views import View
from cevnsjax.model.components import growth_of
from cevnsjax.model.expansion.signal_cells import SignalCells, signal_cells
from cevnsjax.model.expansion.signals import SignalNear, contracted

PerPart = Float[Any, "... name part"]
SignalSlopes = Float[Any, "... name source cell"]
SignalNumbers = Float[Any, "... source cell"]


class Member(NamedTuple):
    """One experiment of a group, with NumPy arrays.

    Attributes:
        arrays: Its arrays.
        signal: Its signal to second order, with the factor of free lognormal pulls.
        pulled: How many free pulls on each component a parameter is, [name, component] [1].
        rate: Derivatives of the logarithm of components through free lognormal pulls, [name,
            component] [1].
    """

    arrays: ExperimentArrays
    signal: SignalNear
    pulled: Float[Any, "name component"]
    rate: Float[Any, "name component"]


def member_of(
    e: ExperimentArrays, signal: SignalNear, names: tuple[str, ...], values: Values
) -> Member:
    """An experiment, its signal, and what free pulls among some names do."""
    components = (SIGNAL, *e.backgrounds)
    pulled, rate = np.zeros((2, len(names), len(components)))
    for name, multiplied in e.free_pulls:
        if name in names:
            k, places = names.index(name), [c in multiplied for c in components]
            if name in e.log_widths:
                rate[k, places] = e.log_widths[name]
            else:
                pulled[k, places] = 1.0
    growth = growth_of(e, [n for n, multiplied in e.free_pulls if SIGNAL in multiplied], values)
    if growth is not None:
        signal = signal.times(growth)
    return Member(e, signal, pulled, rate)


class _Bent(NamedTuple):
    """How parameters move bent parts of the signal.

    Attributes:
        first: Derivative of the parts by the template, [point, source, cell] [1].
        second: Second derivative, [point, source, cell] [1/count].
        edge: Derivative by nominal at a fixed template, [point, source, cell] [1].
        slope: Derivative of the template by the parameters less the part along the edge, which
            bends nothing, [point, name, source, cell] [count/unit].
    """

    first: SignalNumbers
    second: SignalNumbers
    edge: SignalNumbers
    slope: SignalSlopes


@dataclass(frozen=True)
class MemberAt:
    """One experiment at coordinates of the nuisances, and its derivatives by parameters.

    Attributes:
        member: The experiment.
        stack: Its components.
        at: The same at the coordinates.
        cells: How its signal fills cells.
        straight: Derivative of the factors through free pulls, [..., name, part] [1].
        rate: Derivative of their logarithm through lognormal ones, [name, part] [1].
        counts: Derivative of the parts of the signal, [point, name, source, cell] [count/unit].
        bent: How they are bent; None if they are not.
    """

    member: Member
    stack: Stack
    at: Scaled
    cells: SignalCells
    straight: PerPart
    rate: PerPart
    counts: SignalSlopes
    bent: _Bent | None

    @property
    def factor_slope(self) -> PerPart:
        """Derivative of the factors, [..., name, part] [1]."""
        return self.straight + self.at.factor[..., None, :] * self.rate

    @property
    def mu_slopes(self) -> Float[Any, "point name cell"]:
        """Derivative of the expected counts [count/unit]."""
        sources = self.counts.shape[-2]
        moved = self.at.factor[..., None, :sources, None] * self.counts
        return self.factor_slope @ self.at.parts + moved.sum(-2)

    def curving(self, tilt: Float[Any, "point cell"]) -> Float[Any, "point name coordinate"]:
        """Second derivatives of mu by parameters, and by these and all, weighted by ``tilt``."""
        factors, templates = self._products(tilt)
        n = self.rate.shape[0]
        rows = factors[..., :n, :] @ templates.swapaxes(-1, -2)
        rows = rows + templates[..., :n, :] @ factors.swapaxes(-1, -2)
        if self.rate.any() or self.at.growth is not None:
            rows = rows + self._growing((self.at.parts * tilt[..., None, :]).sum(-1))
        return rows + self._bending(tilt[..., None, :])

    def _products(self, tilt: Any) -> tuple[PerPart, PerPart]:
        """Derivatives of factors and of weighted counts of the parts by all coordinates."""
        by_names = np.zeros((*self.counts.shape[:2], self.rate.shape[1]))
        by_names[..., : self.counts.shape[-2]] = (self.counts @ tilt[..., None, :, None])[..., 0]
        slope = self.at.slope
        by_nuisances = np.zeros((*by_names.shape[:-2], *slope.shape[-2:]))
        if self.at.bend is not None:
            tilted = self.at.bend.weighted(self.at.bend.linear, tilt[..., None, :])
            by_nuisances[..., : tilted.shape[-1]] = placed(
                tilted, self.at.morph_places, slope.shape[-2]
            )
        return _both(self.factor_slope, slope), _both(by_names, by_nuisances)

    def _growing(self, counts: Float[Any, "point part"]) -> Any:
        """Through exponentials, with weighted counts of the parts."""
        growth, weight = self.at.growth, counts[..., None, :]
        rate_z = np.zeros(self.at.slope.shape[-2:]) if growth is None else growth.rate
        straight_z = self.at.slope if growth is None else growth.straight
        rate, straight = _both(self.rate, rate_z), _both(self.straight, straight_z)
        moved = (self.straight + self.rate * self.at.factor[..., None, :]) * weight
        return moved @ rate.swapaxes(-1, -2) + (self.rate * weight) @ straight.swapaxes(-1, -2)

    def _bending(self, tilt: Float[Any, "point 1 cell"]) -> Any:
        """Through the signal's templates."""
        signal, cells, n = self.member.signal, self.cells, self.rate.shape[0]
        points, sources = signal.value.shape[:2]
        weights = self.at.factor[..., :sources, None] * tilt
        on_template = weights if self.bent is None else weights * self.bent.first
        along = cells.signal(on_template)
        rows = np.zeros((points, n, n + self.at.slope.shape[-2]))
        e = self.member.arrays
        by_morph = np.zeros((points, n, len(self.stack.morphs)))
        for k, name in enumerate((*e.R_moved, *e.spread_moved)):
            by_morph[..., k] = contracted(signal.slope, cells.signal_by(name, on_template))
        if self.bent is not None and self.at.bend is not None:
            along[..., 0, :] += cells.nominal_signal(weights * self.bent.edge)
            slope = self.bent.slope.reshape(points, n, -1)
            weighted = slope * (weights * self.bent.second).reshape(points, 1, -1)
            linear = self.at.bend.linear[..., :sources, :].reshape(points, by_morph.shape[-1], -1)
            by_morph += weighted @ linear.swapaxes(-1, -2)
            rows[..., :n] = weighted @ slope.swapaxes(-1, -2)
        rows[..., :n] += signal.curving(along)
        rows[..., [n + k for k in self.at.morph_places]] += by_morph
        return rows


def _both(by_names: Any, by_nuisances: Any) -> Any:
    """Derivatives by parameters, then by coordinates of nuisances, [..., coordinate, part]."""
    batch = np.broadcast_shapes(by_names.shape[:-2], by_nuisances.shape[:-2])
    arrays = (np.broadcast_to(x, batch + x.shape[-2:]) for x in (by_names, by_nuisances))
    return np.concatenate(list(arrays), axis=-2)


def member_at(
    member: Member,
    stack: Stack,
    at: Scaled,
    view: View,
    nuisances: tuple[str, ...],
    strength_slopes: Float[Any, "... name component"],
) -> MemberAt:
    """An experiment at coordinates.

    Args:
        member: The experiment.
        stack: Its components.
        at: The same at the coordinates.
        view: All components at the coordinates.
        nuisances: Names of the nuisances.
        strength_slopes: Derivatives of the strengths of all components by the parameters [1].
    """
    e, signal = member.arrays, member.signal
    _, sources, _, bins = signal.value.shape
    morphs = {m: view.nuisances[nuisances.index(m)][0] for m in (*e.R_moved, *e.spread_moved)}
    cells = signal_cells(e, morphs, sources, bins)
    straight = picked(strength_slopes, stack.owner)
    if at.growth is not None:
        straight = straight * at.growth.factor[..., None, :]
    rate = member.rate[:, stack.owner - stack.owner[0]]
    changed = cells.for_names.cells(signal.slope)
    if at.bend is None or at.bend.slope is None or at.bend.second is None or not morphs:
        return MemberAt(member, stack, at, cells, straight, rate, changed, None)
    template, nominal = cells.cells(signal.value), cells.nominal(signal.value)
    first, second = (x[..., :sources, :] for x in (at.bend.slope, at.bend.second))
    # Where a part is not bent its edge does not matter.
    is_bent = (second != 0) | (first != 1)
    safe = np.where(is_bent, nominal, 1.0)
    ratio = np.where(is_bent, template / safe, 0.0)
    edge = np.where(is_bent, at.parts[..., :sources, :] / safe - first * ratio, 0.0)
    edges = cells.nominal(signal.slope)
    counts = first[..., None, :, :] * changed + edge[..., None, :, :] * edges
    bent = _Bent(first, second, edge, changed - ratio[..., None, :, :] * edges)
    return MemberAt(member, stack, at, cells, straight, rate, counts, bent)
