"""Scans against points taken one by one, their padding, files and refusals."""

import numpy as np
import pytest
import xarray as xr
from support.toy import Toy, parameter

from cevnsjax import Model, StandardModel, scan
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017, csi_2021
from cevnsjax.inference.scans import node_blocks


@pytest.fixture(scope="module")
def model():
    return Model(csi_2017(), [StandardModel()], name="test")


@pytest.fixture
def toy():
    table = [parameter("x", bounds=(-5.0, 5.0), unit="fm"), parameter("y", bounds=(-5.0, 5.0))]
    return Toy(table, lambda x, y: (x - 1) ** 2 + 3 * (y + 2) ** 2 + 4)


def test_two_axes_equal_points_one_by_one(model):
    result = scan(model, sin2_theta_w=(0.1, 0.4, 5), R_n_Cs=np.array([3.0, 5.0, 7.5]))
    assert result["chi2"].dims == ("sin2_theta_w", "R_n_Cs")
    assert result["chi2"].dtype == np.float64
    for s in result["sin2_theta_w"].values.tolist():
        for R in result["R_n_Cs"].values.tolist():
            one = 2 * float(model.profiled_nll({"sin2_theta_w": s, "R_n_Cs": R}))
            got = float(result["chi2"].sel(sin2_theta_w=s, R_n_Cs=R))
            assert got == pytest.approx(one, rel=1e-12)


def test_one_axis_with_fixed_values_and_data(model):
    data = model.expected({"sin2_theta_w": 0.2})
    result = scan(model, fixed={"R_n_Cs": 5.5}, data=data, sin2_theta_w=(0.0, 1.0, 11))
    for s, chi2 in zip(result["sin2_theta_w"].values.tolist(), result["chi2"].values, strict=True):
        one = model.profiled_nll({"sin2_theta_w": s, "R_n_Cs": 5.5}, data=data)
        assert chi2 == pytest.approx(2 * float(one), rel=1e-12)
    assert result.attrs["best_fit_sin2_theta_w"] == pytest.approx(0.2)


@pytest.mark.parametrize("chunk", [1, 4, 7, 35, 100])
def test_padding_of_the_last_chunk(toy, monkeypatch, chunk):
    monkeypatch.setattr(node_blocks, "_CHUNK", chunk)
    result = scan(toy, x=(-2.0, 4.0, 7), y=(-4.0, 0.0, 5))
    x, y = np.meshgrid(np.linspace(-2, 4, 7), np.linspace(-4, 0, 5), indexing="ij")
    np.testing.assert_allclose(result["chi2"], (x - 1) ** 2 + 3 * (y + 2) ** 2 + 4, rtol=1e-14)
    # All chunks have equal sizes, so that jax compiles once.
    assert len(set(toy.calls)) == 1
    assert toy.calls[0] <= chunk
    assert sum(toy.calls) < 2 * 35


@pytest.mark.parametrize("chunk", [3, 10, 11])
def test_rows_longer_than_a_chunk(toy, monkeypatch, chunk):
    """A row is split into pieces of equal size."""
    monkeypatch.setattr(node_blocks, "_CHUNK", chunk)
    result = scan(toy, y=(-2.0, 2.0, 2), x=(-5.0, 5.0, 11))
    y, x = np.meshgrid([-2.0, 2.0], np.linspace(-5, 5, 11), indexing="ij")
    np.testing.assert_allclose(result["chi2"], (x - 1) ** 2 + 3 * (y + 2) ** 2 + 4, rtol=1e-14)
    assert set(toy.calls) == {chunk}


def test_padding_in_a_model(model, monkeypatch):
    whole = scan(model, sin2_theta_w=(0.0, 1.0, 10))
    monkeypatch.setattr(node_blocks, "_CHUNK", 4)
    xr.testing.assert_identical(scan(model, sin2_theta_w=(0.0, 1.0, 10)), whole)


def test_best_point_and_attributes(toy):
    result = scan(toy, x=(-2.0, 4.0, 13), y=(-4.0, 0.0, 9))
    assert result.attrs["best_fit_x"] == 1.0
    assert result.attrs["best_fit_y"] == -2.0
    assert result.attrs["chi2_min"] == 4.0
    assert result.attrs["engine"] == "node"
    assert result.attrs["analysis"] == "toy"
    assert list(result.attrs["experiments"]) == ["first", "second"]
    assert result["x"].attrs == {"units": "fm", "long_name": "x", "label": "x [fm]"}
    assert float(result["delta_chi2"].min()) == 0.0
    np.testing.assert_allclose(result["delta_chi2"], result["chi2"] - 4.0, rtol=1e-14)


def test_a_single_point_and_unnamed_parameters_at_default(toy):
    result = scan(toy, x=(2.0, 2.0, 1))
    assert result["chi2"].shape == (1,)
    assert float(result["chi2"][0]) == pytest.approx(1 + 12 + 4)


def test_netcdf_round_trip(model, tmp_path):
    path = tmp_path / "scan.nc"
    result = scan(model, sin2_theta_w=(0.1, 0.4, 4), R_n_Cs=(3.0, 7.0, 3))
    result.to_netcdf(path, engine="h5netcdf")
    with xr.open_dataset(path, engine="h5netcdf") as back:
        xr.testing.assert_equal(back, result)
        assert back.attrs["analysis"] == "test"
        assert back.attrs["chi2_min"] == result.attrs["chi2_min"]
        # h5netcdf reads a list of one string back as that string.
        assert "csi-2017" in back.attrs["experiments"]
        assert back["R_n_Cs"].attrs["units"] == "fm"


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ((0.0, 1.0, 0), "at least one point"),
        ((0.0, 1.0, -3), "at least one point"),
        ((1.0, 0.0, 5), "must increase"),
        ((0.5, 0.5, 2), "must increase"),
        ((0.0, 6.0, 5), "outside its bounds"),
        ((-6.0, 0.0, 5), "outside its bounds"),
        ((0.0, float("nan"), 5), "nan"),
        ((float("nan"), 1.0, 1), "nan"),
        ((0.0, float("inf"), 5), "outside its bounds"),
        (np.array([]), "empty"),
        (np.zeros((2, 2)), "one-dimensional"),
        (np.array([0.0, 0.0]), "must increase"),
        (np.array([0.0, np.nan, 1.0]), "must increase"),
        ((0.0, 1.0, 2_000_000_000), "too many"),
    ],
    ids=str,
)
def test_bad_axes_are_refused(toy, axis, message):
    with pytest.raises(InputError, match=message):
        scan(toy, x=axis)
    assert toy.calls == []


def test_bad_requests_are_refused(toy, model):
    with pytest.raises(InputError, match="too large"):
        scan(toy, x=(0.0, 1.0, 20_000), y=(0.0, 1.0, 20_000))
    with pytest.raises(InputError, match="one to 4 axes"):
        scan(toy)
    with pytest.raises(InputError, match="one to 4 axes"):
        scan(toy, **dict.fromkeys("xyzuv", (0, 1, 2)))
    with pytest.raises(UnknownNameError, match="unknown engine"):
        scan(toy, x=(0.0, 1.0, 2), engine="fast")
    with pytest.raises(InputError, match="no template is exact"):
        scan(toy, x=(0.0, 1.0, 2), engine="template")
    with pytest.raises(UnknownNameError, match="unknown parameter"):
        scan(toy, z=(0.0, 1.0, 2))
    with pytest.raises(UnknownNameError, match="did you mean sin2_theta_w"):
        scan(model, sin2_theta=(0.0, 1.0, 2))
    with pytest.raises(InputError, match="both free and fixed"):
        scan(toy, fixed={"x": 1.0}, x=(0.0, 1.0, 2))
    with pytest.raises(InputError, match="linear nuisance"):
        scan(model, alpha_sig_csi2017=(-1.0, 1.0, 3))


def test_numbers_of_single_precision_converge_as_far_as_they_can():
    """Searches for pulls of Poisson counts end within rounding, 1e-7 of about 80 in nll."""
    axis = {"sin2_theta_w": (0.1, 0.4, 31)}
    single, double = (scan(Model(csi_2021(), dtype=d), **axis) for d in ("float32", "float64"))
    assert bool(single.converged.all())
    np.testing.assert_allclose(single.chi2, double.chi2, rtol=0, atol=1e-3)
