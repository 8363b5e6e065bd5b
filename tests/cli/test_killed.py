"""Commands that are killed at any moment and go on give the arrays of an uninterrupted one."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

CLI = (sys.executable, "-m", "cevnsjax.cli.main")
COMMANDS = {
    "toys": "toys csi-2017 --toys 100000 --test sin2_theta_w --seed 5",
    "feldman-cousins": "feldman-cousins csi-2017 --axis eps_dV_ee=-0.3:0.6:9 --toys 2048 --seed 6",
    "scan": "scan csi-2017 --x eps_dV_ee=-1:1:600 --y sin2_theta_w=0.1:0.4:300 --engine node",
    "sample": "sample csi-2017 --free sin2_theta_w --chains 4 --draws 1500 --warmup 300 --seed 4",
}
GROUPS = {"sample": ("posterior", "sample_stats")}
KILLS = 18
# How long the processes of a killed command may take together, at most.
_PATIENCE_S = 100


def launched(words, place):
    return subprocess.Popen(
        [*CLI, *words.split()],
        cwd=place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(place.parent / "cache")},
    )


def finished(words, place):
    """Seconds that a command takes."""
    start = time.monotonic()
    process = launched(words, place)
    _, errors = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, errors
    return time.monotonic() - start


def killed(words, place, moment_s):
    """Whether a command was still running when it was killed after some time."""
    process = launched(words, place)
    try:
        process.communicate(timeout=moment_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    return False


def same(what, one, other):
    for group in GROUPS.get(what, (None,)):
        with xr.open_dataset(one, group=group) as a, xr.open_dataset(other, group=group) as b:
            assert set(a.variables) == set(b.variables)
            for name, variable in a.variables.items():
                np.testing.assert_array_equal(variable.values, b[name].values)


def killed_often(what, tmp_path, kills, seed):
    """Kill a command at random moments, each time go on, and compare what it gives at last."""
    rng, words = random.Random(seed), f"{COMMANDS[what]} --output result.nc"
    places = [tmp_path / f"{k}" for k in range(kills + 1)]
    for place in places:
        place.mkdir()
    finished(words, places[0])
    # The first one compiles.
    whole_s = finished(f"{words} --overwrite", places[0])
    left = kills
    for place in places[1:]:
        while left and killed(f"{words} --folder run --resume", place, rng.uniform(0, whole_s)):
            left -= 1
        if not (place / "result.nc").exists():
            finished(f"{words} --folder run --resume", place)
        same(what, places[0] / "result.nc", place / "result.nc")
        assert not list(place.rglob(".*"))
        if not left:
            return
    raise AssertionError(f"{kills - left} of {kills} processes were killed in time")


@pytest.mark.slow
@pytest.mark.parametrize("what", COMMANDS)
def test_killed_at_any_moment(tmp_path, what):
    killed_often(what, tmp_path, KILLS, seed=7)
