"""Points of a Feldman-Cousins construction on all cores, kept in a run if there is one."""

from collections.abc import Callable

import numpy as np

from cevnsjax.inference.feldman_cousins_result import Point
from cevnsjax.inference.run_blocks import fill, shares
from cevnsjax.inference.run_folder import Run
from cevnsjax.inference.toy_blocks import in_blocks

_WHAT = "Feldman-Cousins"


def in_order(
    made: Callable[[int], Point], count: int, levels: tuple[float, ...], run: Run | None
) -> list[Point]:
    """All points; those the run has already are read.

    Args:
        made: Function of a point's number.
        count: Number of points.
        levels: Confidence levels.
        run: The run, open.
    """
    if run is None:
        return list(in_blocks(made, list(range(count)), _WHAT))

    def arrays(k: int) -> dict[str, np.ndarray]:
        point = made(k)
        return {"q": point.q, "toys": np.array([point.q.size]), "q_data": np.array([point.q_data])}

    blocks = shares(count)
    fill(run, blocks, arrays, _WHAT)
    out = []
    for found in map(run.read, range(len(blocks))):
        parts = np.split(found["q"], np.cumsum(found["toys"])[:-1])
        pairs = zip(parts, found["q_data"].tolist(), strict=True)
        out += [Point(q, q_data, levels) for q, q_data in pairs]
    return out
