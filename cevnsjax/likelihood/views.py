"""Components at coordinates: nuisances themselves, or those in which they are solved."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.namespaces import numpy_of, times
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.stacks import base_of


class View(NamedTuple):
    """Coordinates of a problem: its nuisances, or strengths of components and other nuisances.

    Attributes:
        strengths: Of each component, in the order of the experiments, [..., component] [1].
        slopes: Their derivatives by the coordinates, [component, coordinate] [1].
        nuisances: The nuisances that bend components or multiply them by exponentials, by index,
            [...], with the numbers of their coordinates.
    """

    strengths: Arrays
    slopes: Float[np.ndarray, "component coordinate"]
    nuisances: Mapping[int, tuple[Arrays, int]]

    def values(self, indices: Sequence[int]) -> Arrays:
        """Some nuisances, [..., index] [1]."""
        chosen = [self.nuisances[k][0] for k in indices]
        return numpy_of(*chosen).stack(chosen, axis=-1)

    def places(self, indices: Sequence[int]) -> tuple[int, ...]:
        """The coordinates that are some nuisances."""
        return tuple(self.nuisances[k][1] for k in indices)


def by_nuisances(problem: Templates, a: Arrays) -> View:
    """The nuisances themselves as coordinates, [..., nuisance] [1]."""
    components = [c for experiment in problem.experiments for c in experiment]
    slopes = [[float(c.pulls.count(k)) for k in range(a.shape[-1])] for c in components]
    matrix = np.array(slopes).reshape(len(components), a.shape[-1])
    strengths = base_of(problem) + times(a, matrix.T.astype(a.dtype))
    return View(strengths, matrix, {k: (a[..., k], k) for k in range(a.shape[-1])})
