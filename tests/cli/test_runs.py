"""--folder, --resume, --devices and --process: the same results, printed once."""

import json
import os

# arviz writes to the cache when it is imported; the tests below forbid a cache.
import arviz  # noqa: F401
import pytest
import xarray as xr

from cevnsjax.cli.commands.feldman_cousins import feldman_cousins
from cevnsjax.cli.commands.sample import sample
from cevnsjax.cli.commands.scan import scan
from cevnsjax.cli.commands.toys import toys
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sampling import Sampling
from cevnsjax.cli.sink import DatasetSink
from cevnsjax.core.errors import InputError
from cevnsjax.inference.runs import processes as run_processes

REQUEST = Request(["csi-2017"])
NAME = "sin2_theta_w"
AXIS = "sin2_theta_w=0.1:0.4:5"


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    """os.devnull cannot hold a folder, so that the compilation cache of jax stays as it was."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)


def sink(output=None):
    return DatasetSink(output=output, as_json=True)


def throw(run, output=None):
    toys(REQUEST, toys=1500, test=[NAME], seed=1, run=run, sink=sink(output))


def construct(run, output=None):
    options = {"axis": [AXIS], "toys": 1024, "level": [0.9], "seed": 1}
    feldman_cousins(REQUEST, **options, run=run, sink=sink(output))


def evaluate(run, output=None):
    scan(REQUEST, x=AXIS, engine="node", run=run, sink=sink(output))


def draw(run, output=None):
    sampling = Sampling(free=[NAME], warmup=40)
    sample(REQUEST, sampling, chains=2, draws=60, run=run, sink=sink(output))


@pytest.mark.parametrize(
    "command", [throw, construct, evaluate, pytest.param(draw, marks=pytest.mark.slow)]
)
def test_a_folder_changes_no_result(tmp_path, capsys, monkeypatch, command):
    command(RunOptions(), tmp_path / "without.nc")
    expected = json.loads(capsys.readouterr().out)
    for run in (
        RunOptions(folder=tmp_path / "run"),
        RunOptions(folder=tmp_path / "run", resume=True),
    ):
        command(run)
        assert json.loads(capsys.readouterr().out) == expected
    command(RunOptions(folder=tmp_path / "run", resume=True), tmp_path / "with.nc")
    capsys.readouterr()
    group = "posterior" if command is draw else None
    with (
        xr.open_dataset(tmp_path / "without.nc", group=group) as one,
        xr.open_dataset(tmp_path / "with.nc", group=group) as two,
    ):
        xr.testing.assert_identical(one, two)
    # Processes other than the first neither print nor write.
    monkeypatch.setattr(run_processes, "_numbers", {})
    command(RunOptions(folder=tmp_path / "run", resume=True, process="1/2"), tmp_path / "second.nc")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "second.nc").exists()
    command(RunOptions(folder=tmp_path / "run", resume=True, process="0/2"))
    assert json.loads(capsys.readouterr().out) == expected


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (RunOptions(process="0/2"), "--process 0/2 needs --folder"),
        (RunOptions(resume=True), "resume=True needs the folder of a run: folder= .--folder."),
        (RunOptions(devices=0), "devices must be a whole number"),
    ],
)
def test_bad_options_of_a_run(run, message):
    with pytest.raises(InputError, match=message):
        throw(run)
