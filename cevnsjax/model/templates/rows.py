"""chi2 of Gaussian experiments along rows of a grid.

Along a row the signal is a polynomial of degree d in one variable t, in the space of
``signal_strength``. Its d + 1 vectors span no more than d + 1 directions across the data; the
Gram-Schmidt method turns them, for each row, into d + 1 polynomials of which the first has degree
d, the next d - 1 and the last is a number. A point costs these, their squares and one division,
whatever the number of cells.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.model.templates.signal_strength import SignalStrength
from cevnsjax.numerics import total

Floats = Array | np.ndarray
_TINY = float(np.finfo(float).tiny)


class GaussianRows:
    """Signals of one experiment, split into vectors that serve all rows.

    Monomials have a power of the variable along rows and counts in each table, the constant first
    [count].

    Attributes:
        numbers: y, u_0, v of ``signal_strength`` and whether v is finite, [4] [1].
    """

    def __init__(
        self,
        strength: SignalStrength,
        counts: Float[np.ndarray, "monomial table cell"],
        powers: Int[np.ndarray, " monomial"],
    ) -> None:
        along, across = strength.split(counts)
        degree = int(powers.max())
        self._chosen = [np.flatnonzero(powers == d) for d in range(degree + 1)]
        if counts.shape[1] == 1:
            across = _triangular(across, self._chosen)
        # The part along the data goes first. Each power has only the axes up to its last one.
        vectors = np.moveaxis(np.concatenate([along[..., None], across], axis=2), 2, 0)
        ends = np.maximum.accumulate([_end(vectors[:, c]) for c in self._chosen[::-1]])[::-1]
        self._vectors = [vectors[:end, c] for end, c in zip(ends, self._chosen, strict=True)]
        self.numbers = np.array([strength.y, strength.mean, strength.variance, strength.finite])

    def table(
        self,
        weights: Float[np.ndarray, "monomial row"],
        tables: Int[np.ndarray, " row"] | None,
    ) -> Float[np.ndarray, "polynomial power row"]:
        """Polynomials of some rows: the one along the data, then those across it [1].

        ``weights`` are the monomials apart from the variable along rows; ``tables`` says which
        coefficients each row takes, None if there is one table. The lowest power is first.
        """
        vectors = [
            _summed(v, weights[c], tables) for v, c in zip(self._vectors, self._chosen, strict=True)
        ]
        degree = len(vectors) - 1
        out = np.empty((degree + 2, degree + 1, weights.shape[1]))
        out[0] = [v[0] for v in vectors]
        across = [v[1:] for v in vectors]
        for power in range(degree, -1, -1):
            v, polynomial = across[power], out[1 + degree - power]
            length = np.sqrt(np.einsum("ar,ar->r", v, v), out=polynomial[power])
            unit = v / np.maximum(length, _TINY) if power else v
            for lower in range(power):
                head = across[lower][: len(unit)]
                np.einsum("ar,ar->r", unit, head, out=polynomial[lower])
                head -= polynomial[lower] * unit
        return out


def _triangular(
    across: Float[np.ndarray, "monomial 1 axis"], chosen: list[Int[np.ndarray, " _some"]]
) -> Float[np.ndarray, "monomial 1 few"]:
    """Vectors in as few axes as possible.

    With one table of coefficients monomials are fixed vectors: a rotation, the same for all rows,
    leaves those of the highest power in the first few axes, and so on down to the constants.
    """
    order = np.concatenate(chosen[::-1])
    triangle = np.linalg.qr(across[order, 0].T).R
    out = np.empty((len(order), 1, len(triangle)))
    out[order, 0] = triangle.T
    return out


def _end(vectors: Float[np.ndarray, "axis _monomial _table"]) -> int:
    """One more than the last axis in which any vector differs from zero."""
    filled = np.flatnonzero(np.any(vectors != 0, axis=(1, 2)))
    return int(filled[-1]) + 1 if filled.size else 1


def _summed(
    vectors: Float[np.ndarray, "axis monomial table"],
    weights: Float[np.ndarray, "monomial row"],
    tables: Int[np.ndarray, " row"] | None,
) -> Float[np.ndarray, "axis row"]:
    """Vectors times weights, added over monomials."""
    if tables is None:
        return vectors[:, :, 0] @ weights
    return np.einsum("amr,mr->ar", vectors[:, :, tables], weights)


@jax.jit
def chi2_of_rows(
    base: Floats, t: Floats, numbers: tuple[Floats, ...], tables: tuple[Floats, ...]
) -> Float[Array, "row point"]:
    """chi2 of experiments, added to ``base``, [row, 1] or [row, point] [1]; ``t`` is [point]."""
    out, t = jnp.broadcast_to(base, (len(base), t.size)), t[None, :]
    for (y, mean, variance, finite), table in zip(numbers, tables, strict=True):
        degree = table.shape[1] - 1
        along = _polynomial(table[0], t)
        squares = [_polynomial(table[1 + k, : degree + 1 - k], t) ** 2 for k in range(degree + 1)]
        q = total(squares)
        fitted = (variance * y**2 + finite * mean**2) * q + finite * (y - mean * along) ** 2
        norm = variance * (along**2 + q) + finite
        # The strength of a signal that vanishes is free: nothing is fitted.
        out = out + jnp.where(norm > 0, fitted / norm, y**2)
    return out


def _polynomial(coefficients: Floats, t: Floats) -> Floats:
    """Values [row, point] of polynomials [power, row]."""
    out = coefficients[-1][:, None]
    for lower in coefficients[-2::-1]:
        out = out * t + lower[:, None]
    return out
