"""Response matrices without their zeros: what rates at nodes add up to in bins.

Without a resolution each node counts in one bin. With one, neighbouring bins see the same nodes: a
block of bins is kept with the window of nodes that it sees. Small matrices are one block of all
bins with all nodes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import ModuleType

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.types import Arrays, pytree, static

Rates = Float[np.ndarray, "source node"] | Float[Array, "source node"]
"""Recoil spectrum of each source at the nodes."""
Counts = Float[np.ndarray, "source variant bin"] | Float[Array, "source variant bin"]
"""Counts of each source with each variant of a response."""
Numbers = Int[np.ndarray, " _"] | Int[Array, " _"]

# Matrices with more entries are not kept as one block; blocks have so many bins.
_MAX_FULL, _BINS = 100_000, 32


@pytree
class Segments:
    """Matrices in which each node counts in one bin at most.

    Attributes:
        values: What nodes count, [variant, node] [MeV].
        owners: The bin in which a node counts, [node]; the number of bins if in none.
        bins: Number of bins.
    """

    values: Arrays
    owners: Numbers
    bins: int = static()

    def fold(self, rates: Rates, xp: ModuleType = np) -> Counts:
        """Counts of spectra."""
        terms = rates[:, None, :] * self.values[None, :, :]
        rows = terms.reshape(-1, terms.shape[-1])
        if xp is np:
            sums = np.stack([np.bincount(self.owners, row, self.bins + 1) for row in rows])
        else:
            sums = jax.ops.segment_sum(rows.T, self.owners, self.bins + 1).T
        return sums[:, : self.bins].reshape(*terms.shape[:2], self.bins)

    def times(self, factors: Arrays) -> "Segments":
        """The matrices with the column of each node multiplied by a factor."""
        return replace(self, values=self.values * factors[None, :])


@pytree
class Bands:
    """Matrices in blocks of neighbouring bins, each with the window of nodes that it sees.

    Attributes:
        values: What nodes count, [variant, block, bin of it, node of its window] [MeV].
        first: First node of each window, [block].
        bins: Number of bins; the last block may have more.
    """

    values: Arrays
    first: Numbers
    bins: int = static()

    def fold(self, rates: Rates, xp: ModuleType = np) -> Counts:
        """Counts of spectra."""
        # XLA multiplies matrices three times as fast in this order of axes as with sources first.
        counts = xp.einsum("vbkn,sbn->vbks", self.values, self._in_windows(rates))
        by_bin = counts.reshape(counts.shape[0], -1, counts.shape[-1])[:, : self.bins]
        return xp.moveaxis(by_bin, -1, 0)

    def times(self, factors: Arrays) -> "Bands":
        """The matrices with the column of each node multiplied by a factor."""
        return replace(self, values=self.values * self._in_windows(factors)[None, :, None, :])

    def _in_windows(self, numbers: Arrays) -> Arrays:
        """Numbers [..., node] as [..., block, node of its window]."""
        blocks, width = self.values.shape[1], self.values.shape[-1]
        if blocks == 1 and width == numbers.shape[-1]:
            return numbers[..., None, :]
        return numbers[..., self.first[:, None] + np.arange(width, dtype=self.first.dtype)]


ResponseMatrix = Segments | Bands
"""What nodes count in bins [MeV], for one or several variants of a response."""


def segments(values: Arrays, owners: Numbers, bins: int, xp: ModuleType = np) -> ResponseMatrix:
    """The matrix of nodes that count in one bin each.

    Args:
        values: What each node counts, [node] [MeV].
        owners: The bin, [node]; the number of bins where a node counts in none.
        bins: Number of bins.
        xp: numpy, or jax.numpy inside a trace.
    """
    if bins * owners.size > _MAX_FULL:
        return Segments(values[None, :], owners, bins)
    mine = owners[None, :] == xp.arange(bins, dtype=owners.dtype)[:, None]
    return one_block(xp.where(mine, values[None, :], 0.0))


def bands(parts: Iterable[Float[np.ndarray, "bin _"]], bins: int, nodes: int) -> ResponseMatrix:
    """A matrix [bin, node] [MeV] from its columns.

    Args:
        parts: Some columns each, in order; no more than one of them needs memory at a time.
        bins: Number of bins.
        nodes: Number of nodes.
    """
    if bins * nodes <= _MAX_FULL:
        return one_block(np.concatenate(list(parts), axis=1))
    pieces: list[list[tuple[int, np.ndarray]]] = [[] for _ in range(-(-bins // _BINS))]
    column = 0
    for part in parts:
        for k, found in enumerate(pieces):
            rows = part[k * _BINS : (k + 1) * _BINS]
            seen = np.flatnonzero(rows.any(axis=0))
            if seen.size:
                found.append((column + seen[0], rows[:, seen[0] : seen[-1] + 1].copy()))
        column += part.shape[1]
    begin = np.array([found[0][0] if found else 0 for found in pieces], dtype=np.int32)
    end = [found[-1][0] + found[-1][1].shape[1] if found else 0 for found in pieces]
    width = int(np.max(end - begin))
    first = np.minimum(begin, nodes - width)
    values = np.zeros((1, len(pieces), _BINS, width))
    for k, found in enumerate(pieces):
        for at, piece in found:
            low = at - first[k]
            values[0, k, : len(piece), low : low + piece.shape[1]] = piece
    return Bands(values, first, bins)


def one_block(matrix: Arrays) -> Bands:
    """A matrix [bin, node] [MeV] with its zeros."""
    return Bands(matrix[None, None], np.zeros(1, dtype=np.int32), matrix.shape[0])


def combined(
    parts: Sequence[ResponseMatrix], factors: Float[np.ndarray, "variant part"]
) -> ResponseMatrix:
    """Sums of matrices at the same nodes, each times a factor, as variants of one."""
    first = parts[0]
    if isinstance(first, Segments):
        return replace(first, values=factors @ np.concatenate([part.values for part in parts]))
    windows = [part for part in parts if isinstance(part, Bands)]
    begins = np.min([part.first for part in windows], axis=0)
    ends = np.max([part.first + part.values.shape[-1] for part in windows], axis=0)
    width = int(np.max(ends - begins))
    begins = np.minimum(begins, np.max(ends) - width)
    values = np.zeros((len(windows), *first.values.shape[1:3], width))
    for into, part in zip(values, windows, strict=True):
        for block, at, entries in zip(into, part.first - begins, part.values[0], strict=True):
            block[:, at : at + entries.shape[1]] = entries
    return Bands(np.tensordot(factors, values, axes=1), begins, first.bins)
