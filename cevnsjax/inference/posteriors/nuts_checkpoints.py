"""Draws of chains in segments, kept in a run: each goes on from the state the one before left.

Block number segment * batches + batch: the segments of a batch are one process's.
"""

from typing import Any

import jax
import numpy as np

from cevnsjax.inference.runs.run import Run

LENGTH = 10
"""Calls of the sampler's program in a segment."""
_STATE, _LEAF, _STAT = "state", "values", "stats"


def segments_of(calls: int) -> list[range]:
    """Calls of each segment; the last one is shorter.

    Args:
        calls: Calls of the sampler's program in all.
    """
    return [range(k, min(k + LENGTH, calls)) for k in range(0, calls, LENGTH)]


class Segments:
    """Segments of all batches of chains in a run."""

    def __init__(self, run: Run, batches: int, calls: int) -> None:
        """Prepare.

        Args:
            run: The run, open, of ``batches`` times as many blocks as there are segments.
            batches: Number of batches.
            calls: Calls of the sampler's program in all.
        """
        self._run, self._batches, self._count = run, batches, len(segments_of(calls))

    def wants(self, batch: int) -> bool:
        """Whether a batch is for this process to make, and something of it is missing.

        Args:
            batch: Its number.
        """
        whole = all(self.has(batch, k) for k in range(self._count))
        return self._run.is_own(batch) and not whole

    def has(self, batch: int, segment: int) -> bool:
        """Whether a segment is there.

        Args:
            batch: Number of the batch.
            segment: Number of the segment.
        """
        return self._run.has(self._block(batch, segment))

    def write(self, batch: int, segment: int, drawn: Any, state: Any) -> None:
        """Keep a segment.

        Args:
            batch: Number of the batch.
            segment: Number of the segment.
            drawn: Values and statistics by name, each [chain, draw].
            state: The sampler's state at its end, a pytree.
        """
        values, stats = drawn
        leaves = [np.asarray(x) for x in jax.tree.leaves(state)]
        kept = {f"{_LEAF} {n}": x for n, x in values.items()}
        kept |= {f"{_STAT} {n}": x for n, x in stats.items()}
        kept |= {f"{_STATE} {k}": x for k, x in enumerate(leaves)}
        self._run.write(self._block(batch, segment), kept)

    def state(self, batch: int, segment: int, like: Any) -> Any:
        """The sampler's state at the end of a segment.

        Args:
            batch: Number of the batch.
            segment: Number of the segment.
            like: A state of the same structure.
        """
        found = self._run.read(self._block(batch, segment))
        treedef = jax.tree.structure(like)
        return treedef.unflatten([found[f"{_STATE} {k}"] for k in range(treedef.num_leaves)])

    def everything(self) -> list[Any]:
        """Values and statistics of every batch, [chain, draw]; waits for other processes."""
        self._run.wait()
        return [self._joined(batch) for batch in range(self._batches)]

    def _joined(self, batch: int) -> Any:
        found = [self._run.read(self._block(batch, k)) for k in range(self._count)]

        def named(kind: str) -> dict[str, np.ndarray]:
            names = [n for n in found[0] if n.startswith(f"{kind} ")]
            return {
                n.partition(" ")[2]: np.concatenate([f[n] for f in found], axis=1) for n in names
            }

        return named(_LEAF), named(_STAT)

    def _block(self, batch: int, segment: int) -> int:
        return segment * self._batches + batch
