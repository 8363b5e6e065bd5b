"""Notes on posteriors whose mean and sd mislead, on draws from known densities."""

import numpy as np
import pytest
import xarray as xr

from cevnsjax.inference.posteriors.notes import notes_of

RNG = np.random.default_rng(11)
SHAPE = (4, 2500)


def dataset(draws, **attrs):
    return xr.Dataset({"x": (("chain", "draw"), draws, attrs)})


def test_one_mode_has_no_note():
    assert notes_of(dataset(RNG.normal(size=SHAPE))) == ()
    # A ridge without a valley: the sum of two Gaussians one sd apart has one peak.
    near = RNG.normal(size=SHAPE) + RNG.choice([-0.5, 0.5], SHAPE)
    assert notes_of(dataset(near)) == ()


def test_two_modes_are_noted_with_their_most_probable_intervals():
    """Equal Gaussians at -1 and 1: 68.27 % lie within one standard deviation of either centre."""
    draws = 0.1 * RNG.normal(size=SHAPE) + RNG.choice([-1.0, 1.0], SHAPE)
    (note,) = notes_of(dataset(draws))
    assert note.startswith("x has several modes: 68 % lie in [")
    numbers = note.partition("in ")[2].replace("[", "").replace("]", "").replace(" or ", ", ")
    ends = [float(x) for x in numbers.split(",")]
    np.testing.assert_allclose(ends, [-1.1, -0.9, 0.9, 1.1], atol=0.04)


@pytest.mark.parametrize(
    ("draws", "where"),
    [
        (RNG.uniform(0.0, 1.0, SHAPE), "0 and 1"),
        (np.abs(RNG.normal(0.0, 0.2, SHAPE)).clip(0, 1), "0"),
        (1 - np.abs(RNG.normal(0.0, 0.2, SHAPE)).clip(0, 1), "1"),
    ],
    ids=["flat", "low", "high"],
)
def test_ends_of_flat_priors(draws, where):
    notes = notes_of(dataset(draws, prior_low=0.0, prior_high=1.0))
    assert notes[-1] == f"x reaches the end of its prior at {where}: the prior decides"


def test_a_posterior_far_from_the_ends_has_no_note():
    draws = RNG.normal(0.5, 0.05, SHAPE)
    assert notes_of(dataset(draws, prior_low=0.0, prior_high=1.0)) == ()
