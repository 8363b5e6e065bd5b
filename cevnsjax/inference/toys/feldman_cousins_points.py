"""Points of a Feldman-Cousins construction on all cores, kept in a run if there is one."""

from collections.abc import Callable

import numpy as np

from cevnsjax.inference.runs.blocks import compute_or_read
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.toys.feldman_cousins_result import GridPoint

_WHAT = "Feldman-Cousins"


def in_order(
    made: Callable[[int], GridPoint], count: int, levels: tuple[float, ...], run: Run | None
) -> list[GridPoint]:
    """All points; those the run has already are read.

    Args:
        made: Function of a point's number.
        count: Number of points.
        levels: Confidence levels.
        run: The run, open.
    """

    def arrays(k: int) -> dict[str, np.ndarray]:
        point = made(k)
        return {"q": point.q, "toys": np.array([point.q.size]), "q_data": np.array([point.q_data])}

    out = []
    for found in compute_or_read(run, arrays, count, _WHAT):
        parts = np.split(found["q"], np.cumsum(found["toys"])[:-1])
        pairs = zip(parts, found["q_data"].tolist(), strict=True)
        out += [GridPoint(q, q_data, levels) for q, q_data in pairs]
    return out
