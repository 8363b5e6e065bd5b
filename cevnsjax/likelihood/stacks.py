"""The parts of components, side by side in one array for each experiment.

Few operations then serve any number of components, in NumPy and in jax, at one point or at many.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from cevnsjax.core.namespaces import numpy_of, rows_of
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.components import Component, Templates


class Stack(NamedTuple):
    """The parts of one experiment's components.

    Attributes:
        nominal: Counts before nuisances, [..., part, cell] [count].
        owner: Component of each part, counted through all experiments, [part].
        linear: Half the difference of the templates at +1 and -1, 0 where a nuisance does not
            bend a part, [..., morph, bent part, cell] [count]; those behind the last part that
            is bent are left out. None if none is bent.
        curved: Half their sum minus nominal, shaped like ``linear`` [count].
        morphs: Indices of the nuisances that bend them.
        log_pulls: Indices of the nuisances whose exponentials multiply components.
        log_widths: What multiplies those in the exponent, 0 where one does not multiply the part's
            component, [log pull, part] [1].
    """

    nominal: Arrays
    owner: Int[np.ndarray, " part"]
    linear: Arrays | None
    curved: Arrays | None
    morphs: tuple[int, ...]
    log_pulls: tuple[int, ...]
    log_widths: Arrays | None

    def at_points(self, points: Flags) -> "Stack":
        """The stack of some of many points."""
        nominal = rows_of(self.nominal, points, 2)
        if self.linear is None or self.curved is None:
            return self._replace(nominal=nominal)
        linear, curved = rows_of(self.linear, points, 3), rows_of(self.curved, points, 3)
        return self._replace(nominal=nominal, linear=linear, curved=curved)


def stacks_of(problem: Templates) -> list[Stack]:
    """One stack for each experiment."""
    stacks, first = [], 0
    for components in problem.experiments:
        stacks.append(_stack(components, first))
        first += len(components)
    return stacks


def _stack(components: Sequence[Component], first: int) -> Stack:
    cells = components[0].nominal.shape[-1]
    nominal = [c.nominal if c.nominal.ndim > 1 else c.nominal[None] for c in components]
    sizes = [n.shape[-2] for n in nominal]
    owner = np.repeat(np.arange(first, first + len(components)), sizes)
    morphs = tuple(dict.fromkeys(m for c in components for m in c.morphs))
    logs = tuple(dict.fromkeys(k for c in components for k in c.log_pulls))
    linear = curved = widths = None
    if morphs:
        last = max(i for i, c in enumerate(components) if c.morphs) + 1
        bent = zip(components[:last], sizes[:last], strict=True)
        bends = [_bends(c, size, cells, morphs) for c, size in bent]
        linear, curved = (side_by_side(list(b), axis=-2) for b in zip(*bends, strict=True))
    if logs:
        pairs = zip(components, sizes, strict=True)
        columns = [w for c, size in pairs for w in [_widths(c, logs)] * size]
        widths = numpy_of(*columns).stack(columns, axis=-1)
    return Stack(side_by_side(nominal, axis=-2), owner, linear, curved, morphs, logs, widths)


def _bends(
    component: Component, parts: int, cells: int, morphs: tuple[int, ...]
) -> tuple[Arrays, Arrays]:
    """Linear and curved changes of a component by all morphs, [..., morph, part, cell] [count]."""
    nothing = np.zeros((parts, cells), component.nominal.dtype)
    if component.linear is None or component.curved is None:
        none = np.zeros((len(morphs), *nothing.shape), nothing.dtype)
        return none, none
    places = [component.morphs.index(m) if m in component.morphs else None for m in morphs]
    out = []
    for array in (component.linear, component.curved):
        by_part = array if array.ndim > 2 else array[None]
        rows = [nothing if k is None else by_part[..., k, :] for k in places]
        batch = np.broadcast_shapes(*(r.shape for r in rows))
        xp = numpy_of(*rows)
        out.append(xp.stack([xp.broadcast_to(r, batch) for r in rows], axis=-3))
    return out[0], out[1]


def _widths(component: Component, logs: tuple[int, ...]) -> Arrays:
    widths = component.log_widths
    if widths is None:
        return np.zeros(len(logs))
    places = np.array([[float(k == j) for k in component.log_pulls] for j in logs])
    return places.astype(widths.dtype) @ widths


def side_by_side(arrays: Sequence[Arrays], axis: int = -1) -> Arrays:
    """Arrays joined along an axis, counted from the last one; axes before it are broadcast."""
    arrays = [a for a in arrays if a.shape[axis]] or arrays[:1]
    if len(arrays) == 1:
        return arrays[0]
    batch = np.broadcast_shapes(*(a.shape[:axis] for a in arrays))
    xp = numpy_of(*arrays)
    return xp.concatenate([xp.broadcast_to(a, batch + a.shape[axis:]) for a in arrays], axis=axis)


def base_of(problem: Templates) -> Arrays:
    """Strengths of all components without pulls, [..., component] [1]."""
    dtype = problem.centre.dtype
    extra = [c.extra for experiment in problem.experiments for c in experiment]
    if all(x is None for x in extra):
        return np.ones(len(extra), dtype)
    xp = numpy_of(*extra)
    terms = [xp.asarray(0.0 if x is None else x, dtype=dtype) for x in extra]
    return 1.0 + xp.stack(xp.broadcast_arrays(*terms), axis=-1)
