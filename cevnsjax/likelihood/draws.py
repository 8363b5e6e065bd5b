"""Random counts and auxiliary measurements, drawn with NumPy block by block.

Each block of ``BLOCK`` pseudo-experiments has its own seed, so that the first toys of a long run
are those of a short one, whatever the number of devices or chunks.
"""

from collections.abc import Callable

import numpy as np

BLOCK = 1024
# Mean counts that no fluctuation raises to 2^31, where whole numbers of 32 bits turn negative.
_MOST_IN_32_BITS = 2e9


def poisson_counts(seed: tuple[int, ...], mu: np.ndarray, toys: int) -> np.ndarray:
    """Poisson counts.

    Args:
        seed: Entropy of the stream [1].
        mu: Expected counts, [cell] [count]; negative ones are taken as 0.
        toys: Number of pseudo-experiments.

    Returns:
        [toy, cell], whole numbers of 32 bits where those are enough, else of 64 [count].
    """
    mean = np.maximum(mu, 0.0)
    kind = np.int32 if np.max(mean, initial=0.0) < _MOST_IN_32_BITS else np.int64
    return _blocks(seed, toys, lambda rng, n: rng.poisson(mean, (n, mean.size)).astype(kind))


def gaussian_counts(
    seed: tuple[int, ...], mu: np.ndarray, variance: np.ndarray, toys: int
) -> np.ndarray:
    """Counts with Gaussian errors.

    Args:
        seed: Entropy of the stream [1].
        mu: Expected counts, [cell] [count].
        variance: Their variances, [cell] [count^2].
        toys: Number of pseudo-experiments.

    Returns:
        [toy, cell] [count].
    """
    return _blocks(seed, toys, lambda rng, n: rng.normal(mu, np.sqrt(variance), (n, mu.size)))


def normal(seed: tuple[int, ...], mean: float, sd: float, toys: int) -> np.ndarray:
    """Auxiliary measurements of one nuisance.

    Args:
        seed: Entropy of the stream [1].
        mean: True value [any unit].
        sd: Standard deviation, in the same unit.
        toys: Number of pseudo-experiments.

    Returns:
        [toy], in the same unit.
    """
    return _blocks(seed, toys, lambda rng, n: rng.normal(mean, sd, n))


def _blocks(
    seed: tuple[int, ...], toys: int, draw: Callable[[np.random.Generator, int], np.ndarray]
) -> np.ndarray:
    children = np.random.SeedSequence(seed).spawn(-(-toys // BLOCK))
    # Whole blocks are drawn, so that a toy does not depend on how many are asked for.
    return np.concatenate([draw(np.random.default_rng(c), BLOCK) for c in children])[:toys]
