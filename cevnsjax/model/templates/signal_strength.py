"""A Gaussian experiment with linear pulls as one vector of data and one of signal.

Cells over their standard deviations and pulls over theirs span a space in which chi2 is a squared
distance. Backgrounds do not move in it, so their pulls are projected out once. Of the pulls on
the signal only the strength u of the signal is left, with mean u_0 and variance v:

    chi2 = min_u |y - u s|^2 + (u - u_0)^2/v

with y fixed and s linear in the signal. Split s along y, s_0, and across y, with q the square of
the latter. Then the minimum is

    chi2 = ((v y^2 + u_0^2) q + (y - u_0 s_0)^2)/(1 + v (s_0^2 + q)),

a sum of squares: nothing large cancels, at any size of the signal, and a chi2 close to zero keeps
its digits as the sum of residuals does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.numerics import total

# Singular values of columns of length one that are rounding [1].
_DEPENDENT = 1e-13
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class SignalStrength:
    """An experiment as in the module's words; the space has an axis a cell and one a pull.

    Attributes:
        root_weights: Inverse standard deviations of cells, [cell] [1/count].
        offset: What pulls on signal and backgrounds at once add to s, [axis] [1].
        projected: Orthonormal directions of pulls on backgrounds, [axis, direction].
        direction: Of y, of length one or all zero, [axis].
        y: Length of the data vector [1].
        mean: u_0, strength of the signal if pulls are where they were measured [1].
        variance: v of the strength; 0 if no pull acts on the signal [1].
        finite: Whether v is finite, 1 or 0. If not, chi2 is the limit: v is then 1 and terms
            without it are dropped.
    """

    root_weights: np.ndarray
    offset: np.ndarray
    projected: np.ndarray
    direction: np.ndarray
    y: float
    mean: float
    variance: float
    finite: float

    def split(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parts of the signal in the space, along y and across it.

        Args:
            counts: The parts; the offset goes with the first, [part, row, cell] [count].

        Returns:
            [part, row] and [part, row, axis] [1].
        """
        s = np.zeros((*counts.shape[:2], self.offset.size))
        s[:, :, : counts.shape[2]] = counts * self.root_weights
        s[0] += self.offset
        s = _without(s, self.projected)
        return s @ self.direction, _without(s, self.direction[:, None])


def strength_of(
    e: ExperimentArrays, observed: Any, found: Mapping[str, float], values: Mapping[str, float]
) -> SignalStrength:
    """The problem of one Gaussian experiment whose pulls are its own.

    Args:
        e: Arrays of the experiment.
        observed: Its counts, [cell] [count].
        found: What measured the pulls found; 0 if left out [1].
        values: Pulls that are free.
    """
    root = np.sqrt(np.asarray(e.weights))
    backgrounds = {n: np.asarray(b) for n, b in e.backgrounds.items()}
    sd = np.array([float(np.asarray(e.pull_sd[n])) for n, _ in e.pulls])
    centre = np.array([found.get(n, 0.0) for n, _ in e.pulls])
    on_signal = np.array([SIGNAL in names for _, names in e.pulls], dtype=bool)
    strengths = {c: _free_pulls(e, c, values) for c in (SIGNAL, *backgrounds)}
    cells = root.size
    columns = _columns(e, root, backgrounds, sd)
    share, variance = _shares(sd, on_signal)
    mean = strengths[SIGNAL] + float(np.sum(centre[on_signal]))
    offset, data = np.zeros(len(columns)), np.zeros(len(columns))
    offset[:cells] = columns[:cells] @ share
    expected = total([strengths[n] * b for n, b in backgrounds.items()] or [0.0])
    data[:cells] = root * (np.asarray(observed) - expected) - columns[:cells] @ centre
    projected = _orthonormal(_fixed(columns, on_signal))
    data = _without(data + mean * offset, projected)
    y = float(np.linalg.norm(data))
    direction, finite = data / max(y, _TINY), bool(np.isfinite(variance))
    variance = variance if finite else 1.0
    return SignalStrength(root, offset, projected, direction, y, mean, variance, float(finite))


def _free_pulls(e: ExperimentArrays, component: str, values: Mapping[str, float]) -> float:
    """What free pulls multiply a component by."""
    return 1.0 + sum(float(values[n]) for n, names in e.free_pulls if component in names)


def _columns(
    e: ExperimentArrays, root: np.ndarray, backgrounds: dict[str, np.ndarray], sd: np.ndarray
) -> np.ndarray:
    """How pulls move the prediction but for the signal, and their own axes, [axis, pull]."""
    out = np.zeros((root.size + sd.size, sd.size))
    for k, (_, names) in enumerate(e.pulls):
        for name in names:
            if name != SIGNAL:
                out[: root.size, k] += root * backgrounds[name]
        out[root.size + k, k] = 1 / sd[k]
    return out


def _shares(sd: np.ndarray, on_signal: np.ndarray) -> tuple[np.ndarray, float]:
    """How a change of the signal's strength is shared out to the pulls on it, and its variance."""
    variances = np.where(on_signal, sd**2, 0.0)
    variance = float(np.sum(variances))
    if variance == 0:
        return variances, 0.0
    if not np.isfinite(variance):
        # A pull without constraint takes it all.
        return np.arange(sd.size) == np.argmax(variances), np.inf
    return variances / variance, variance


def _fixed(columns: np.ndarray, on_signal: np.ndarray) -> np.ndarray:
    """Columns of what pulls can do at a given strength of the signal, [axis, column]."""
    first = int(np.argmax(on_signal)) if np.any(on_signal) else None
    out = [
        columns[:, k] - columns[:, first] if on_signal[k] else columns[:, k]
        for k in range(columns.shape[1])
        if k != first
    ]
    return np.stack(out, axis=1) if out else np.zeros((columns.shape[0], 0))


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Directions that columns span, [axis, direction]; none for columns that depend on others."""
    length = np.linalg.norm(columns, axis=0)
    directions, size, _ = np.linalg.svd(columns[:, length > 0] / length[length > 0], False)
    return directions[:, size > _DEPENDENT]


def _without(vectors: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Vectors [..., axis] less their parts along orthonormal directions [axis, direction]."""
    # Twice: what rounding leaves of a long part is taken away by the second.
    for _ in range(2 if directions.size else 0):
        vectors = vectors - (vectors @ directions) @ directions.T
    return vectors
