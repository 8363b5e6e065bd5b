"""A Gaussian experiment with linear pulls as one vector of data and one of signal.

Cells and pulls, each over its standard deviation, span a space in which chi2 is a squared
distance. Backgrounds do not depend on theory, so their pulls are projected out once. Of the pulls
on the signal only the strength u of the signal is left, with mean u_0 and variance v:

    chi2 = min_u |y - u s|^2 + (u - u_0)^2/v

with y fixed and s linear in the signal. Split s along y, s_0, and across y, with q the square of
the latter. Then the minimum is

    chi2 = ((v y^2 + u_0^2) q + (y - u_0 s_0)^2)/(1 + v (s_0^2 + q)),

a sum of squares: nothing large cancels, at any size of the signal, and a chi2 close to zero keeps
its digits as the sum of residuals does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.numerics import total

# Singular values of columns of length one that are rounding [1].
_DEPENDENT = 1e-13
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class SignalStrength:
    """One experiment in the notation of the module; the space has an axis for each cell and pull.

    Attributes:
        root_weights: Inverse standard deviations of cells, [cell] [1/count].
        offset: Added to s by pulls on signal and backgrounds at once, [axis] [1].
        projected: Orthonormal directions of pulls on backgrounds, [axis, direction].
        direction: Direction of y, of length one or all zero, [axis].
        y: Length of the data vector [1].
        mean: u_0, strength of the signal with pulls at their measured values [1].
        variance: v of the strength; 0 if no pull acts on the signal [1].
        finite: Whether v is finite, 1 or 0. If not, chi2 is the limit: v is then 1 and terms
            without it are dropped.
    """

    root_weights: Float[np.ndarray, " cell"]
    offset: Float[np.ndarray, " axis"]
    projected: Float[np.ndarray, "axis direction"]
    direction: Float[np.ndarray, " axis"]
    y: float
    mean: float
    variance: float
    finite: float

    def split(
        self, counts: Float[np.ndarray, "monomial table cell"]
    ) -> tuple[Float[np.ndarray, "monomial table"], Float[np.ndarray, "monomial table axis"]]:
        """Parts of a signal [count] in the space [1]: those along y, and those across it.

        The offset is added to the first monomial.
        """
        s = np.zeros((*counts.shape[:2], self.offset.size))
        s[:, :, : counts.shape[2]] = counts * self.root_weights
        s[0] += self.offset
        s = _without(s, self.projected)
        return s @ self.direction, _without(s, self.direction[:, None])


def strength_of(
    e: ExperimentArrays,
    observed: Array | np.ndarray,
    measured: Mapping[str, float],
    values: Mapping[str, float],
) -> SignalStrength:
    """The problem of one Gaussian experiment that shares no pulls with others.

    ``measured`` are results of the auxiliary measurements of pulls [1], 0 if left out; of
    ``values`` the free pulls are used.
    """
    root = np.sqrt(np.asarray(e.weights))
    backgrounds = {n: np.asarray(b) for n, b in e.backgrounds.items()}
    sd = np.array([float(np.asarray(e.pull_sd[n])) for n, _ in e.pulls])
    centre = np.array([measured.get(n, 0.0) for n, _ in e.pulls])
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
    """Factor of free pulls on a component [1]."""
    return 1.0 + sum(float(values[n]) for n, names in e.free_pulls if component in names)


def _columns(
    e: ExperimentArrays, root: np.ndarray, backgrounds: dict[str, np.ndarray], sd: np.ndarray
) -> Float[np.ndarray, "axis pull"]:
    """Derivatives by pulls of the backgrounds, and of the pulls' own axes."""
    out = np.zeros((root.size + sd.size, sd.size))
    for k, (_, names) in enumerate(e.pulls):
        for name in names:
            if name != SIGNAL:
                out[: root.size, k] += root * backgrounds[name]
        out[root.size + k, k] = 1 / sd[k]
    return out


def _shares(
    sd: Float[np.ndarray, " pull"], on_signal: Bool[np.ndarray, " pull"]
) -> tuple[np.ndarray, float]:
    """Shares of the pulls in a change of the signal's strength, [pull], and its variance."""
    variances = np.where(on_signal, sd**2, 0.0)
    variance = float(np.sum(variances))
    if variance == 0:
        return variances, 0.0
    if not np.isfinite(variance):
        # A pull without constraint takes the whole change.
        return np.arange(sd.size) == np.argmax(variances), np.inf
    return variances / variance, variance


def _fixed(
    columns: Float[np.ndarray, "axis pull"], on_signal: Bool[np.ndarray, " pull"]
) -> Float[np.ndarray, "axis column"]:
    """Changes of the prediction by pulls that leave the signal's strength as it is."""
    if not np.any(on_signal):
        return columns
    first = int(np.argmax(on_signal))
    return np.delete(columns - columns[:, [first]] * on_signal, first, axis=1)


def _orthonormal(
    columns: Float[np.ndarray, "axis column"],
) -> Float[np.ndarray, "axis direction"]:
    """Orthonormal directions that the columns span."""
    length = np.linalg.norm(columns, axis=0)
    directions, size, _ = np.linalg.svd(columns[:, length > 0] / length[length > 0], False)
    return directions[:, size > _DEPENDENT]


def _without(vectors: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Vectors [..., axis] less their parts along orthonormal directions [axis, direction]."""
    # Twice: the second pass removes what rounding left of a long part.
    for _ in range(2 if directions.size else 0):
        vectors = vectors - (vectors @ directions) @ directions.T
    return vectors
