"""Scans written to files: the same numbers, complete files or none, limited memory."""

import json
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from support.toy import Batched, Toy, parameter

from cevnsjax import NSI, Model, StandardModel, scan
from cevnsjax.core.errors import InputError
from cevnsjax.experiments import csi_2017
from cevnsjax.inference.scans import netcdf, node_blocks, stored_grid
from cevnsjax.inference.scans import scan as module_of_scan
from cevnsjax.inference.scans.stored_grid import ComputedGrid, Rows

AXES = {"eps_uV_ee": (-1.0, 1.0, 7), "R_n_Cs": (3.0, 7.0, 4), "sin2_theta_w": (0.1, 0.4, 5)}


@cache
def model():
    return Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee", "eps_dV_ee")], name="test")


def chi2(x, y, z=0.0):
    return (x - 1) ** 2 + 3 * (y + 2) ** 2 + (z - 0.5) ** 4 + 4


def toy(kind=Toy, names="xyz"):
    return kind([parameter(n, bounds=(-5.0, 5.0), unit="fm") for n in names], chi2)


@pytest.fixture
def in_blocks(monkeypatch):
    """Files are written in blocks of few points, as those larger than the memory are."""
    monkeypatch.setattr(module_of_scan, "IN_ONE_PIECE", 0)
    monkeypatch.setattr(node_blocks, "_CHUNK", 7)


def files(folder):
    return sorted(p.name for p in folder.iterdir())


# --- the same numbers ---


@pytest.mark.parametrize("axes", [1, 2, 3, 4])
@pytest.mark.usefixtures("in_blocks")
def test_blocks_equal_the_closed_form(tmp_path, axes):
    names = "xyzw"[:axes]
    values = {n: np.linspace(-2, 3, 3 + k) for k, n in enumerate(names)}
    toy = Toy(
        [parameter(n, bounds=(-5.0, 5.0)) for n in names],
        lambda **v: sum((k + 1) * (x - 0.5 * k) ** 2 for k, x in enumerate(v.values())),
    )
    with scan(toy, output=tmp_path / "scan.nc", **values) as result:
        grid = np.meshgrid(*values.values(), indexing="ij")
        expected = sum((k + 1) * (x - 0.5 * k) ** 2 for k, x in enumerate(grid))
        assert result.chi2.dims == tuple(names)
        np.testing.assert_allclose(result.chi2, expected, rtol=1e-13)
        place = np.unravel_index(np.argmin(expected), expected.shape)
        assert result.attrs["chi2_min"] == pytest.approx(expected.min(), rel=1e-13)
        for n, i in zip(names, place, strict=True):
            assert result.attrs[f"best_fit_{n}"] == values[n][i]
        assert max(toy.calls) <= 7
    assert files(tmp_path) == ["scan.nc"]


@pytest.mark.parametrize("engine", ["node", "template"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.usefixtures("in_blocks")
def test_blocks_equal_the_scan_in_memory(tmp_path, engine, order):
    """Both engines agree; the template engine may run over the axes in another order."""
    axes = {n: AXES[n] for n in np.array(list(AXES))[list(order)].tolist()}
    inside = scan(model(), engine=engine, **axes)
    with scan(model(), engine=engine, output=tmp_path / "scan.nc", **axes) as result:
        assert set(result.chi2.dims) == set(axes)
        xr.testing.assert_allclose(result.chi2.transpose(*axes), inside.chi2, rtol=1e-13)
        assert result.attrs["engine"] == inside.attrs["engine"] == engine
        assert result.attrs["analysis"] == "test"
        assert {k: result.attrs[k] for k in result.attrs if k.startswith("best_fit")} == {
            k: inside.attrs[k] for k in inside.attrs if k.startswith("best_fit")
        }
        assert "delta_chi2" not in result
        assert result.R_n_Cs.attrs == inside.R_n_Cs.attrs
    assert inside.chi2.dims == tuple(axes)


@pytest.mark.parametrize("engine", ["node", "template"])
def test_small_files_hold_what_memory_holds(tmp_path, engine):
    inside = scan(model(), engine=engine, **AXES)
    with scan(model(), engine=engine, output=tmp_path / "scan.nc", **AXES) as result:
        xr.testing.assert_allclose(result, inside, rtol=1e-13)
        assert result.chi2.dims == inside.chi2.dims


def test_a_small_run_is_one_block(tmp_path):
    inside = scan(toy(), x=(-1.0, 1.0, 3), y=(-3.0, 0.0, 2))
    kept = scan(toy(), folder=tmp_path / "run", x=(-1.0, 1.0, 3), y=(-3.0, 0.0, 2))
    xr.testing.assert_equal(kept.chi2, inside.chi2)
    assert [p.name for p in (tmp_path / "run").glob("*.npz")] == ["block-000000.npz"]


@pytest.mark.usefixtures("in_blocks")
def test_the_manifest_says_how_long_blocks_are(tmp_path, monkeypatch):
    """Nine rows in five blocks, the last of one row; each is computed row by row."""
    monkeypatch.setitem(stored_grid._MIN_POINTS, "node", 8)
    scan(toy(), folder=tmp_path / "run", x=(-1.0, 1.0, 9), y=(-3.0, 0.0, 4))
    lengths = [len(np.load(p)["chi2"]) for p in sorted((tmp_path / "run").glob("*.npz"))]
    assert lengths == [2, 2, 2, 2, 1]
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["rows of a block"] == 2


@pytest.mark.parametrize("kind", [Toy, Batched])
def test_profiled_scans_and_nuisances_in_files(tmp_path, kind):
    """Flags, units and the names of profiled parameters are read back as they were."""
    axes = {"x": (-1.0, 1.0, 3), "y": (-3.0, 0.0, 2)}
    inside = scan(toy(kind), free="z", **axes)
    with scan(toy(kind), free="z", output=tmp_path / "scan.nc", **axes) as result:
        xr.testing.assert_equal(result, inside)
        assert result.converged.dtype == bool
        assert result.z.attrs["units"] == "fm"
        assert "z" in result.attrs["profiled"]
        assert result.attrs["engine"] == "newton"
    with scan(
        model(), keep_nuisances=True, output=tmp_path / "b.nc", eps_uV_ee=(0.0, 0.2, 2)
    ) as result:
        for x, alpha in zip(result.eps_uV_ee.values, result.alpha_sig_csi2017.values, strict=True):
            best = model().best_pulls({"eps_uV_ee": float(x)})["alpha_sig_csi2017"]
            assert alpha == pytest.approx(float(best), abs=1e-12)


@pytest.mark.usefixtures("in_blocks")
def test_points_without_a_number_are_stored_as_such(tmp_path):
    """Whole blocks may be NaN; the best point is the lowest of the others."""
    broken = Toy(
        [parameter("x", bounds=(-5.0, 5.0)), parameter("y", bounds=(-5.0, 5.0))],
        lambda x, y: np.where(np.asarray(x) < 0, np.nan, (x - 1) ** 2 + y**2),
    )
    axes = {"x": (-2.0, 2.0, 5), "y": (-1.0, 1.0, 7)}
    inside = scan(broken, **axes)
    with scan(broken, output=tmp_path / "scan.nc", **axes) as result:
        for one in (result, inside):
            assert np.isnan(one.chi2.values).sum() == 14
            assert one.attrs["chi2_min"] == 0.0
            assert (one.attrs["best_fit_x"], one.attrs["best_fit_y"]) == (1.0, 0.0)


def test_points_that_failed_are_not_the_best():
    """Six rows in blocks of two: the three lowest values, in the last two blocks, failed."""
    chi2 = np.arange(24.0).reshape(6, 4)[::-1].copy()
    numbers = np.array([20, 21, 12])
    chi2.reshape(-1)[numbers] = -1.0

    class Known(ComputedGrid):
        def __init__(self):
            self.outer, self.inner, self.step = ("x",), "y", 2

        def rows(self, first):
            inside = (numbers >= 4 * first) & (numbers < 4 * first + 8)
            return Rows(chi2[first : first + 2], numbers[inside])

    grids = {"x": np.linspace(0.0, 5.0, 6), "y": np.linspace(0.0, 0.3, 4)}
    written = np.zeros((6, 4))
    lowest, best, failed = netcdf._fill(written, grids, Known())
    np.testing.assert_array_equal(written, chi2)
    assert (lowest, failed) == (2.0, 3)
    assert best == pytest.approx({"x": 5.0, "y": 0.2})


# --- files ---


@pytest.mark.usefixtures("in_blocks")
def test_the_file_is_read_as_it_is_used(tmp_path):
    """The file is opened, not loaded; a part is read without the rest."""
    result = scan(toy(), output=tmp_path / "scan.nc", x=(-2.0, 2.0, 5), y=(-2.0, 2.0, 4))
    assert not result.chi2.variable._in_memory
    part = float(result.chi2.sel(x=1.0, y=-2.0))
    assert part == pytest.approx(4 + 0.5**4)
    assert not result.chi2.variable._in_memory
    result.close()
    with xr.open_dataset(tmp_path / "scan.nc", engine="h5netcdf") as again:
        assert float(again.chi2.sel(x=1.0, y=-2.0)) == part
        assert "first" in again.attrs["experiments"]


@pytest.mark.parametrize("fail_at", [1, 3])
@pytest.mark.usefixtures("in_blocks")
def test_a_failed_scan_leaves_no_file(tmp_path, fail_at):
    """An objective that raises midway leaves no new file and does not change an older one."""
    broken = toy()
    inner = broken.map

    def failing(*args, **kwargs):
        if len(broken.calls) + 1 >= fail_at:
            raise RuntimeError("gave up")
        return inner(*args, **kwargs)

    broken.map = failing
    axes = {"x": (-2.0, 2.0, 5), "y": (-2.0, 2.0, 4)}
    with pytest.raises(RuntimeError, match="gave up"):
        scan(broken, output=tmp_path / "scan.nc", **axes)
    assert files(tmp_path) == []
    (tmp_path / "scan.nc").write_bytes(b"older")
    broken.calls.clear()
    with pytest.raises(RuntimeError, match="gave up"):
        scan(broken, output=tmp_path / "scan.nc", overwrite=True, **axes)
    assert files(tmp_path) == ["scan.nc"]
    assert (tmp_path / "scan.nc").read_bytes() == b"older"


@pytest.mark.parametrize("free", [(), ("z",)])
def test_a_file_is_replaced_only_on_request(tmp_path, free):
    path = tmp_path / "scan.nc"
    path.write_bytes(b"precious")
    one = toy()
    with pytest.raises(InputError, match=r"scan\.nc exists; choose another name"):
        scan(one, free=free, output=path, x=(0.0, 1.0, 3))
    assert one.calls == []
    assert path.read_bytes() == b"precious"
    scan(one, free=free, output=path, overwrite=True, x=(0.0, 1.0, 3)).close()
    with xr.open_dataset(path, engine="h5netcdf") as result:
        assert result.chi2.shape == (3,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scan.txt", r"unknown ending '\.txt'; use one of \.nc"),
        ("scan", "no ending"),
        ("missing/scan.nc", "does not exist"),
    ],
)
def test_bad_places_are_refused_before_the_work(tmp_path, name, message):
    one = toy()
    with pytest.raises(InputError, match=message):
        scan(one, output=tmp_path / name, x=(0.0, 1.0, 3))
    assert one.calls == []
    assert files(tmp_path) == []


def test_a_disk_without_room_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(
        netcdf.shutil, "disk_usage", lambda path: SimpleNamespace(free=1.5e9, path=path)
    )
    one = toy()
    message = r"takes 32 GB and .* has 1\.5 GB left; take fewer points or another disk"
    with pytest.raises(InputError, match=message):
        scan(one, output=tmp_path / "scan.nc", x=(0.0, 1.0, 200_000), y=(0.0, 1.0, 20_000))
    assert one.calls == []
    assert files(tmp_path) == []


# --- sizes ---


def test_a_grid_beyond_the_memory_says_how_much_and_what_to_do():
    message = r"20000 x 20000 points is too large, it takes 3\.2 GB; .*limit is 1e\+08.*output="
    with pytest.raises(InputError, match=message):
        scan(toy(), x=(0.0, 1.0, 20_000), y=(0.0, 1.0, 20_000))
    with pytest.raises(InputError, match=r"200000000 points are too many; limit 1e\+08"):
        scan(toy(), x=(0.0, 1.0, 200_000_000))


def test_differences_are_left_out_of_large_grids(monkeypatch):
    monkeypatch.setattr(netcdf, "IN_ONE_PIECE", 12)
    small = scan(toy(), x=(0.0, 1.0, 4), y=(0.0, 1.0, 3))
    assert {"delta_chi2", "converged"} <= set(small.data_vars)
    assert list(scan(toy(), x=(0.0, 1.0, 13)).data_vars) == ["chi2"]


def test_engines_by_cost(monkeypatch):
    """Templates for large grids, and for axes that were scanned before, where they are exact."""
    model = Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee", "eps_dV_ee")])
    axes = {"eps_uV_ee": (-1.0, 1.0, 7), "sin2_theta_w": (0.1, 0.4, 5)}
    first, again = scan(model, **axes), scan(model, **axes)
    assert [s.attrs["engine"] for s in (first, again)] == ["node", "template"]
    np.testing.assert_allclose(first.chi2, again.chi2, rtol=1e-11)
    monkeypatch.setattr(module_of_scan, "_MANY_POINTS", 10)
    assert scan(model, eps_dV_ee=(-1.0, 1.0, 11)).attrs["engine"] == "template"
    assert scan(model, eps_dV_ee=(-1.0, 1.0, 11), engine="node").attrs["engine"] == "node"
    assert scan(toy(), x=(-1.0, 1.0, 11)).attrs["engine"] == "node"


@pytest.mark.parametrize("engine", ["node", "template"])
def test_order_of_axes_only_transposes(engine):
    one = scan(model(), engine=engine, **AXES)
    other = scan(model(), engine=engine, **dict(reversed(AXES.items())))
    assert other.chi2.dims == tuple(reversed(one.chi2.dims))
    np.testing.assert_allclose(other.chi2.transpose(*AXES), one.chi2, rtol=1e-12)
    assert {k: v for k, v in other.attrs.items() if k.startswith("best")} == {
        k: v for k, v in one.attrs.items() if k.startswith("best")
    }


# --- axes ---


def test_logarithmic_axes():
    """Points are even in the logarithm and include both ends in spite of rounding."""
    table = [parameter("x", bounds=(0.0, 7.3)), parameter("y", bounds=(-5.0, 5.0))]
    result = scan(Toy(table, chi2), x=(0.003, 7.3, 9, "log"), y=(-1.0, 1.0, 3, "linear"))
    x = result.x.values
    assert (x[0], x[-1]) == (0.003, 7.3)
    np.testing.assert_allclose(np.diff(np.log(x)), np.log(7.3 / 0.003) / 8, rtol=1e-12)
    np.testing.assert_allclose(result.y, [-1, 0, 1])
    np.testing.assert_allclose(result.chi2, chi2(x[:, None], result.y.values[None]), rtol=1e-13)
    for low, high in pairwise([0.1, 0.3, 0.7, 1.1, 2.3, 7.3]):
        ends = scan(Toy(table, chi2), x=(low, high, 7, "log")).x.values[[0, -1]]
        np.testing.assert_array_equal(ends, [low, high])


def test_bad_logarithmic_axes():
    with pytest.raises(InputError, match="must start above 0, got 0"):
        scan(toy(), x=(0.0, 1.0, 5, "log"))
    with pytest.raises(InputError, match="must start above 0, got -1"):
        scan(toy(), x=(-1.0, 1.0, 5, "log"))
    with pytest.raises(InputError, match=r'or .*"log"'):
        scan(toy(), x=(0.1, 1.0, 5, "logarithmic"))
    with pytest.raises(InputError, match="outside its bounds"):
        scan(toy(), x=(0.1, 10.0, 5, "log"))


LARGE = """
import sys
import cevnsjax
cevnsjax.enable_x64()
from cevnsjax import NSI, Model, StandardModel, scan
from cevnsjax.experiments import csi_2017
model = Model(csi_2017(), [StandardModel(), NSI("eps_uV_ee", "eps_dV_ee")])
axes = {"eps_uV_ee": (-1.0, 1.0, 12_001), "eps_dV_ee": (-1.0, 1.0, 10_001)}
with scan(model, output=sys.argv[1], **axes) as written:
    i, j = 7_777, 3_333
    point = {"eps_uV_ee": float(written.eps_uV_ee[i]), "eps_dV_ee": float(written.eps_dV_ee[j])}
    chi2 = float(written.chi2.isel(eps_uV_ee=i, eps_dV_ee=j))
    error = chi2 / (2 * float(model.profiled_nll(point))) - 1
    print(written.chi2.size, written.attrs["engine"], written.attrs["chi2_min"], error)
# ru_maxrss would include the memory of the process that started this one.
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read memory from")
def test_a_scan_larger_than_the_memory_allowed(tmp_path):
    """More than 1e8 points, a gigabyte, with less than 2 GiB of memory in all."""
    path = tmp_path / "scan.nc"
    try:
        done = subprocess.run(
            [sys.executable, "-c", LARGE, str(path)], capture_output=True, text=True, check=True
        )
        first, memory = done.stdout.splitlines()
        size, engine, least, error = first.split()
        assert int(size) == 12_001 * 10_001 > 1e8
        assert engine == "template"
        assert path.stat().st_size > 8 * int(size)
        assert float(memory) < 2
        assert abs(float(error)) < 1e-9
        coarse = scan(model(), eps_uV_ee=(-1.0, 1.0, 1201), eps_dV_ee=(-1.0, 1.0, 1001))
        assert coarse.attrs["chi2_min"] - 0.05 < float(least) <= coarse.attrs["chi2_min"] + 1e-9
    finally:
        path.unlink(missing_ok=True)
