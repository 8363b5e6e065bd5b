"""Counts, points and axes from arrays of any library give one number; gaps are refused."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import cevnsjax as cj
from cevnsjax.core.errors import InputError

HOLDERS = {
    "list": list,
    "object": lambda x: np.array(x.tolist(), dtype=object),
    "no gaps": lambda x: np.ma.array(x, mask=np.zeros(x.shape, dtype=bool)),
    "jax": jnp.asarray,
    "series": pd.Series,
    "xarray": lambda x: xr.DataArray(x, dims="any"),
}


@pytest.fixture(scope="module")
def model():
    return cj.Model(cj.experiments.csi_2017())


@pytest.fixture(scope="module")
def counts(model):
    return (
        np.asarray(
            model.observed["csi-2017"] if isinstance(model.observed, dict) else model.observed[0]
        )
        + 1.0
    )


@pytest.mark.parametrize("kind", HOLDERS)
def test_data_of_any_library(model, counts, kind):
    held, expected = HOLDERS[kind](counts), model.nll(data=counts)
    assert model.nll(data=held) == expected
    assert model.nll(data={"csi-2017": held}) == expected
    e = cj.experiments.csi_2017()
    assert cj.Model(e.with_data(held)).nll() == expected


def test_an_experiment_keeps_plain_arrays(model, counts):
    """Masked arrays without gaps too: a mask would be lost on the way to the likelihood."""
    e, held = cj.experiments.csi_2017(), HOLDERS["no gaps"]
    backgrounds = {n: held(x) for n, x in e.backgrounds.items()}
    made = replace(e, observed=held(counts), backgrounds=backgrounds)
    assert cj.Model(made).nll() == model.nll(data=counts)
    assert {type(x) for x in (made.observed, made.variance, *made.backgrounds.values())} == {
        np.ndarray
    }


def test_seeds_and_levels_of_any_library(model):
    expected = cj.toys(model, 8, test="sin2_theta_w", seed=3)
    for seed in (np.int64(3), np.array(3), jnp.int32(3)):
        assert cj.toys(model, 8, test="sin2_theta_w", seed=seed).identical(expected)
        assert (
            model.toy(seed).counts["csi-2017"].tolist() == model.toy(3).counts["csi-2017"].tolist()
        )
    intervals = cj.profile(model, "sin2_theta_w", levels=[0.68, 0.9]).intervals
    for levels in (np.array([0.68, 0.9]), jnp.array([0.68, 0.9]), pd.Series([0.68, 0.9])):
        assert cj.profile(model, "sin2_theta_w", levels=levels).intervals == intervals


@pytest.mark.parametrize("kind", HOLDERS)
def test_points_and_axes_of_any_library(model, kind):
    x = np.array([0.2, 0.23, 0.3])
    expected = np.asarray(model.map({}, {"sin2_theta_w": x}))
    np.testing.assert_array_equal(model.map({}, {"sin2_theta_w": HOLDERS[kind](x)}), expected)
    scan = cj.scan(model, engine="node", sin2_theta_w=HOLDERS[kind](x))
    np.testing.assert_array_equal(scan["chi2"].values, 2 * expected)


def test_gaps_are_refused(model, counts):
    gaps = np.ma.array(counts, mask=np.arange(counts.size) == 3)
    e = cj.experiments.csi_2017()
    for use in (
        lambda: model.nll(data=gaps),
        lambda: cj.fit(model, ["sin2_theta_w"], data={"csi-2017": gaps}),
        lambda: e.with_data(gaps),
        lambda: replace(e, observed=gaps),
        lambda: replace(e, backgrounds={"prompt_neutrons": gaps}),
    ):
        with pytest.raises(InputError, match="must be real numbers, got a masked one at index 3;"):
            use()
    points = np.ma.array([0.2, 0.3], mask=[False, True])
    for use in (
        lambda: model.map({}, {"sin2_theta_w": points}),
        lambda: cj.scan(model, sin2_theta_w=points),
    ):
        with pytest.raises(InputError, match="got a masked one at index 1"):
            use()
