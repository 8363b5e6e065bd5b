"""The node engine: any model on a grid, by blocks of rows."""

from collections.abc import Mapping

import numpy as np

from cevnsjax.inference.axes import Grids
from cevnsjax.inference.objective import Data, GridBlock, Objective, Searching

# Points of one call: large enough to hide what a call costs, small enough to store often.
_CHUNK = 1 << 15


class NodeBlocks:
    """The node engine in blocks of rows: pieces of equal size, one compilation for all."""

    def __init__(self, model: Objective, grids: Grids, fixed: dict[str, float], data: Data) -> None:
        self._model, self._grids, self._fixed, self._data = model, grids, fixed, data
        *outer, self.inner = grids
        self.outer, self._shape = tuple(outer), tuple(g.size for g in grids.values())
        rows = int(np.prod(self._shape[:-1]))
        self.step = max(1, min(rows, _CHUNK // self._shape[-1]))

    def block(self, first: int) -> GridBlock:
        """``step`` rows from ``first`` on; the last point of the grid is repeated."""
        width = self._shape[-1]
        total, size = int(np.prod(self._shape)), self.step * width
        # Rows longer than a chunk go in pieces, the last one filled up.
        piece = min(size, _CHUNK)
        parts = []
        for start in range(0, size, piece):
            index = np.minimum(first * width + np.arange(start, start + piece), total - 1)
            places = np.unravel_index(index, self._shape)
            points = {n: g[i] for (n, g), i in zip(self._grids.items(), places, strict=True)}
            parts.append(self._searched(points))
        nll, distance = (
            np.concatenate(x)[:size].reshape(self.step, width) for x in zip(*parts, strict=True)
        )
        return 2 * nll, distance

    def _searched(self, points: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Nll and distances of the solved nuisances; an objective without a search is exact."""
        if isinstance(self._model, Searching):
            pair = self._model.map_searched(self._fixed, points, data=self._data)
            return [np.asarray(x) for x in pair]
        nll = np.asarray(self._model.map(self._fixed, points, data=self._data))
        return [nll, np.zeros(nll.shape)]
