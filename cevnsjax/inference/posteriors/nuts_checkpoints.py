"""Draws of chains stored in a run by segments; each continues from the state the last one left.

Segment s of batch b is block s * batches + b of the run, so one process makes a whole batch.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import PyTree

from cevnsjax.inference.runs.run import Run

CALLS_PER_SEGMENT = 10
"""Calls of the sampler's program in a segment."""
_STATE, _VALUE, _STATISTIC = "state", "values", "stats"


def segments_of(calls: int) -> list[range]:
    """Calls of the sampler's program by segment, of ``calls`` in all; the last has fewer."""
    starts = range(0, calls, CALLS_PER_SEGMENT)
    return [range(k, min(k + CALLS_PER_SEGMENT, calls)) for k in starts]


class Segments:
    """Segments of all batches of chains in a run.

    Args:
        run: The open run, of ``batches`` times as many blocks as there are segments.
        batches: Number of batches.
        calls: Calls of the sampler's program in all.
    """

    def __init__(self, run: Run, batches: int, calls: int) -> None:
        self._run, self._batches, self._count = run, batches, len(segments_of(calls))

    def wants(self, batch: int) -> bool:
        """Whether this process makes the batch, and a segment of it is missing."""
        complete = all(self.has(batch, k) for k in range(self._count))
        return self._run.owns(batch) and not complete

    def has(self, batch: int, segment: int) -> bool:
        """Whether a segment is stored."""
        return self._run.has(self._block(batch, segment))

    def write(self, batch: int, segment: int, draws: PyTree, state: PyTree) -> None:
        """Store values and statistics, {name: [chain, draw]}, and the state after them."""
        values, stats = draws
        arrays = {f"{_VALUE} {n}": x for n, x in values.items()}
        arrays |= {f"{_STATISTIC} {n}": x for n, x in stats.items()}
        leaves = jax.tree.leaves(state)
        arrays |= {f"{_STATE} {k}": np.asarray(x) for k, x in enumerate(leaves)}
        self._run.write(self._block(batch, segment), arrays)

    def state(self, batch: int, segment: int, like: PyTree) -> PyTree:
        """The sampler's state at the end of a segment, with the structure of ``like``."""
        arrays = self._run.read(self._block(batch, segment))
        structure = jax.tree.structure(like)
        return structure.unflatten([arrays[f"{_STATE} {k}"] for k in range(structure.num_leaves)])

    def everything(self) -> Sequence[PyTree]:
        """Values and statistics of every batch, [chain, draw]; waits for other processes."""
        self._run.wait()
        return [self._joined(batch) for batch in range(self._batches)]

    def _joined(self, batch: int) -> PyTree:
        segments = [self._run.read(self._block(batch, k)) for k in range(self._count)]

        def named(kind: str) -> dict[str, np.ndarray]:
            keys = {n: n.removeprefix(f"{kind} ") for n in segments[0] if n.startswith(f"{kind} ")}
            return {n: np.concatenate([s[k] for s in segments], axis=1) for k, n in keys.items()}

        return named(_VALUE), named(_STATISTIC)

    def _block(self, batch: int, segment: int) -> int:
        return segment * self._batches + batch
