"""Drawn counts: their distributions within counting errors, and which seeds give which toys."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest, norm
from scipy.stats import poisson as reference

from cevnsjax.likelihood.draws import BLOCK, gaussian_counts, normal, poisson_counts

TOYS = 20_000
MU = np.array([0.0, 0.02, 0.7, 4.0, 35.0, 2500.0])
DRAWS = {
    "poisson": lambda seed, toys: poisson_counts(seed, MU, toys),
    "gaussian": lambda seed, toys: gaussian_counts(seed, MU, 1 + MU, toys),
    "normal": lambda seed, toys: normal(seed, 0.3, 0.12, toys),
}


def pull_of_variance(sample, variance, fourth):
    """(s^2 - variance) in standard errors, from the fourth central moment."""
    n = len(sample)
    error = np.sqrt((fourth - variance**2 * (n - 3) / (n - 1)) / n)
    return (sample.var(axis=0, ddof=1) - variance) / error


def test_poisson_moments():
    """Mean and variance are both mu; the fourth central moment is mu + 3 mu^2."""
    counts, mu = poisson_counts((1, 0, 0), MU, TOYS).astype(float), MU[1:]
    np.testing.assert_array_equal(counts[:, 0], 0)
    drawn = counts[:, 1:]
    assert np.max(np.abs(drawn.mean(axis=0) - mu) / np.sqrt(mu / TOYS)) < 4
    assert np.max(np.abs(pull_of_variance(drawn, mu, mu + 3 * mu**2))) < 4
    correlation = np.corrcoef(drawn.T)[np.triu_indices(mu.size, 1)]
    assert np.max(np.abs(correlation)) < 4 / np.sqrt(TOYS)


def test_poisson_moments_of_many_counts():
    """Above 2^31 as well, where whole numbers of 32 bits end."""
    mu = np.array([10.0, 2.0**31, 1e12])
    counts = poisson_counts((1, 0, 0), mu, TOYS).astype(float)
    assert np.max(np.abs(counts.mean(axis=0) - mu) / np.sqrt(mu / TOYS)) < 4
    assert np.max(np.abs(pull_of_variance(counts, mu, mu + 3 * mu**2))) < 4


@pytest.mark.parametrize("k", range(1, MU.size))
def test_poisson_frequencies(k):
    """Frequencies of numbers of counts, by Pearson's chi2 over 8 classes."""
    counts = poisson_counts((2, 0, 0), MU, TOYS)[:, k]
    walls = np.unique(reference.ppf(np.arange(1, 8) / 8, MU[k]))
    probability = np.diff(np.concatenate([[0.0], reference.cdf(walls, MU[k]), [1.0]]))
    counted = np.bincount(np.searchsorted(walls, counts), minlength=probability.size)
    expected = probability * TOYS
    assert expected.min() > 100
    pearson = np.sum((counted - expected) ** 2 / expected)
    assert chi2.sf(pearson, probability.size - 1) > 1e-3


def test_gaussian_moments_and_shape():
    """Means have either sign, each cell has its own variance; tails are those of a Gaussian."""
    mu, variance = np.array([-3.0, 0.0, 40.0]), np.array([0.5, 9.0, 120.0])
    counts = gaussian_counts((3, 0, 1), mu, variance, TOYS)
    pulls = (counts - mu) / np.sqrt(variance)
    assert np.max(np.abs(pulls.mean(axis=0))) < 4 / np.sqrt(TOYS)
    assert np.max(np.abs(pull_of_variance(counts, variance, 3 * variance**2))) < 4
    assert all(kstest(column, norm.cdf).pvalue > 1e-3 for column in pulls.T)
    assert np.max(np.abs(np.corrcoef(pulls.T)[np.triu_indices(3, 1)])) < 4 / np.sqrt(TOYS)


def test_normal_moments_and_shape():
    deviates = (normal((4, 1, 0), 0.3, 0.12, TOYS) - 0.3) / 0.12
    assert kstest(deviates, norm.cdf).pvalue > 1e-3
    assert abs(deviates.mean()) < 4 / np.sqrt(TOYS)
    assert abs(pull_of_variance(deviates, 1.0, 3.0)) < 4


@pytest.mark.parametrize("kind", DRAWS)
def test_short_runs_begin_long_ones(kind):
    """The first toys do not depend on the number of toys, within a block and beyond it."""
    draw = DRAWS[kind]
    longest = draw((7, 0, 0), 2 * BLOCK + 5)
    # Two toys of a run are equal only by chance.
    assert len(np.unique(longest, axis=0)) > 2 * BLOCK - 50
    for toys in (1, 10, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK):
        short = draw((7, 0, 0), toys)
        assert len(short) == toys
        np.testing.assert_array_equal(short, longest[:toys])


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("other", [(8, 0, 0), (7, 1, 0), (7, 0, 1), (0, 7, 0)], ids=str)
def test_other_seeds_are_independent(kind, other):
    """Toys of another seed, kind of stream or experiment are uncorrelated."""
    ours, theirs = (
        DRAWS[kind](seed, 4000).reshape(4000, -1)[:, -1].astype(float)
        for seed in ((7, 0, 0), other)
    )
    assert np.mean(ours == theirs) < 0.05
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 4 / np.sqrt(4000)


def test_blocks_are_independent():
    """The second block of toys does not repeat the first."""
    counts = poisson_counts((7, 0, 0), MU, 2 * BLOCK)[:, -1].astype(float)
    first, second = counts[:BLOCK], counts[BLOCK:]
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(BLOCK)
    assert np.mean(first == second) < 0.05


def test_negative_means_give_no_counts():
    """Negative means are taken as 0; the other cells are thrown as usual."""
    counts = poisson_counts((5, 0, 0), np.array([-2.0, -1e-12, 3.0]), 500)
    np.testing.assert_array_equal(counts[:, :2], 0)
    assert abs(counts[:, 2].mean() - 3.0) < 4 * np.sqrt(3 / 500)


def test_shapes_and_types():
    assert poisson_counts((1,), MU, 3).shape == (3, MU.size)
    assert poisson_counts((1,), MU, 3).dtype == np.int32
    assert poisson_counts((1,), np.zeros(0), 3).shape == (3, 0)
    assert gaussian_counts((1,), MU, 1 + MU, 3).shape == (3, MU.size)
    assert gaussian_counts((1,), MU, 1 + MU, 3).dtype == np.float64
    assert normal((1,), 0.0, 1.0, 3).shape == (3,)
    assert normal((1,), 0.0, 1.0, 3).dtype == np.float64
