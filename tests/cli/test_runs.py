"""--folder, --resume, --devices and --process: the same results, printed once."""

import json
import os

# Its import writes to the cache, which tests here do without.
import arviz  # noqa: F401
import pytest
import xarray as xr

from cevnsjax.cli.commands import sample as posterior
from cevnsjax.cli.commands import scan as scans
from cevnsjax.cli.commands import toys
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError
from cevnsjax.inference.runs import processes as run_processes

ASKED = Request(["csi-2017"], None, None, None, None, ("sin2_theta_w",))
AXES = {"sin2_theta_w": (0.1, 0.4, 5)}


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    """No folder can be made there, so jax's global compilation cache stays as it was."""
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)


def sink(output=None):
    return Sink(None, output, False, True, (".nc", ".json"))


def throw(kept, output=None):
    name = "sin2_theta_w"
    toys.toys(ASKED, 1500, (name,), {}, 1, sink(output), auxiliary=True, kept=kept)


def construct(kept, output=None):
    levels = (0.9,)
    to = sink(output)
    toys.feldman_cousins(
        ASKED, None, AXES, 1024, levels, "profile", 1, to, auxiliary=True, kept=kept
    )


def scan(kept, output=None):
    scans.scan(ASKED, AXES, "node", (), sink(output), nuisances=False, kept=kept)


def draw(kept, output=None):
    how = posterior.Sampling({}, chains=2, draws=60, warmup=40)
    asked = Request(["csi-2017"], None, ["sin2_theta_w"], None, None)
    posterior.sample(asked, how, "corner", sink(output), kept)


@pytest.mark.parametrize(
    "command", [throw, construct, scan, pytest.param(draw, marks=pytest.mark.slow)]
)
def test_a_folder_changes_no_result(tmp_path, capsys, monkeypatch, command):
    command(RunOptions(), tmp_path / "without.nc")
    expected = json.loads(capsys.readouterr().out)
    for kept in (RunOptions(tmp_path / "run"), RunOptions(tmp_path / "run", resume=True)):
        command(kept)
        assert json.loads(capsys.readouterr().out) == expected
    command(RunOptions(tmp_path / "run", resume=True), tmp_path / "with.nc")
    capsys.readouterr()
    group = "posterior" if command is draw else None
    with (
        xr.open_dataset(tmp_path / "without.nc", group=group) as one,
        xr.open_dataset(tmp_path / "with.nc", group=group) as two,
    ):
        xr.testing.assert_identical(one, two)
    # Processes other than the first neither print nor write.
    monkeypatch.setattr(run_processes, "_numbers", {})
    command(RunOptions(tmp_path / "run", resume=True, process="1/2"), tmp_path / "second.nc")
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "second.nc").exists()
    command(RunOptions(tmp_path / "run", resume=True, process="0/2"))
    assert json.loads(capsys.readouterr().out) == expected


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (RunOptions(process="0/2"), "--process 0/2 needs --folder"),
        (RunOptions(resume=True), "--resume needs the folder of a run"),
        (RunOptions(devices=0), "devices must be a whole number"),
    ],
)
def test_options_that_make_no_sense(kept, message):
    with pytest.raises(InputError, match=message):
        throw(kept)
