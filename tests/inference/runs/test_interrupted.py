"""Runs that are killed, shared by processes or spread over devices give the same numbers."""

import os
import random
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support import interrupted
from support.toy import Batched, parameter

import cevnsjax as cj
from cevnsjax.core.errors import InputError
from cevnsjax.inference.runs.store import Store

SCRIPT = Path(interrupted.__file__)


@pytest.fixture(scope="module")
def whole():
    """Function from a kind of run to its arrays, computed without a folder."""
    return cache(lambda kind: interrupted.KINDS[kind]())


def launched(what, folder, result, seconds=0.0, *options, **environment):
    words = [what, str(folder), str(result), str(seconds), *options]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def finished(process):
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors


def same(result, expected):
    with np.load(result) as arrays:
        assert set(arrays) == set(map(str, expected.variables))
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, expected[name].values)


def killed(process, folder, rng):
    """Kill a run at a random moment, after 0 to 2 more blocks; whether it was still running."""
    before = len(list(folder.glob("*.sha256")))
    more, moment = rng.randint(0, 2), rng.uniform(0.0, 0.05)
    while process.poll() is None and len(list(folder.glob("*.sha256"))) < before + more:
        time.sleep(0.002)
    time.sleep(moment if more else 20 * moment)
    in_time = process.poll() is None
    process.kill()
    process.communicate()
    return in_time


def interrupted_run(what, tmp_path, kills, seed):
    """Kill a run several times, then let it finish; how often it was killed while it ran."""
    rng, folder, times = random.Random(seed), tmp_path / "run", 0
    for _ in range(kills):
        times += killed(launched(what, folder, tmp_path / "no.npz", 0.05), folder, rng)
        if (tmp_path / "no.npz").exists():
            break
    finished(launched(what, folder, tmp_path / "result.npz"))
    return times


def test_killed_scans_go_on(tmp_path, whole):
    assert interrupted_run("scan", tmp_path, 2, seed=1) == 2
    same(tmp_path / "result.npz", whole("scan"))


def test_killed_toys_go_on(tmp_path, whole):
    assert interrupted_run("toys", tmp_path, 1, seed=2) == 1
    same(tmp_path / "result.npz", whole("toys"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "kills"),
    [
        *(("toys", 50), ("scan", 50), ("feldman_cousins", 10)),
        *(("template", 10), ("chains", 5), ("populations", 5)),
    ],
)
def test_killed_often(tmp_path, whole, what, kills):
    times = attempt = 0
    while times < kills:
        folder = tmp_path / str(attempt)
        folder.mkdir()
        times += interrupted_run(what, folder, min(kills - times, 10), seed=attempt)
        same(folder / "result.npz", whole(what))
        attempt += 1


# --- in one process: interrupted, damaged, continued ---


class Stop(Exception):
    """Raised in place of writing a further block."""


@pytest.mark.parametrize(
    "what",
    [pytest.param(n, marks=[pytest.mark.slow] * (n == "newton")) for n in interrupted.KINDS],
)
def test_stopped_and_damaged(tmp_path, whole, monkeypatch, what):
    folder, write, left = tmp_path / "run", Store.write, [2]

    def write_some(self, block, arrays):
        if not left[0]:
            raise Stop
        left[0] -= 1
        write(self, block, arrays)

    run = interrupted.KINDS[what]
    monkeypatch.setattr(Store, "write", write_some)
    with pytest.raises(Stop):
        run(folder=folder)
    left[0] = 1
    with pytest.raises(Stop):
        run(folder=folder, resume=True)
    _, second, _ = sorted(folder.glob("*.npz"))
    body = second.read_bytes()
    second.write_bytes(body[: len(body) // 2])
    left[0] = 10**6
    complete = run(folder=folder, resume=True)
    assert second.read_bytes() == body
    assert complete.identical(whole(what))
    left[0] = 0
    assert run(folder=folder, resume=True).identical(whole(what))


def test_a_scan_to_a_file(tmp_path, whole):
    folder, path = tmp_path / "run", tmp_path / "scan.nc"
    with interrupted.scan(folder=folder, output=path) as grid_file:
        assert grid_file["chi2"].attrs == {}
        np.testing.assert_array_equal(grid_file["chi2"].values, whole("scan")["chi2"].values)
    grid = np.meshgrid(*(whole("scan")[n].values for n in "xyz"), indexing="ij")
    np.testing.assert_array_equal(whole("scan")["chi2"].values, interrupted.chi2(*grid))


# --- other runs ---


def test_another_seed_is_refused(tmp_path):
    folder, model = tmp_path / "run", interrupted.csi()
    cj.toys(model, 100, test="eps_dV_ee", seed=1, folder=folder)
    with pytest.raises(InputError, match="seed: 1 in the folder, 2 now"):
        cj.toys(model, 100, test="eps_dV_ee", seed=2, folder=folder, resume=True)
    with pytest.raises(InputError, match="toys: 100 in the folder, 101 now"):
        cj.toys(model, 101, test="eps_dV_ee", seed=1, folder=folder, resume=True)
    with pytest.raises(InputError, match="resume=True needs the folder"):
        cj.toys(model, 100, test="eps_dV_ee", resume=True)
    with pytest.raises(InputError, match="holds a run"):
        cj.toys(model, 100, test="eps_dV_ee", seed=1, folder=folder)
    # Without the manifest nothing but the blocks themselves says whose they are.
    (folder / "manifest.json").unlink()
    for options in ({}, {"resume": True}):
        with pytest.raises(InputError, match="holds blocks and no manifest"):
            cj.toys(model, 100, test="eps_dV_ee", seed=2, folder=folder, **options)
    (tmp_path / "new").mkdir()
    for path in folder.glob("block-*"):
        path.rename(tmp_path / "new" / path.name)
    cj.toys(model, 100, test="eps_dV_ee", seed=2, folder=folder)
    for path in (tmp_path / "new").iterdir():
        path.rename(folder / path.name)
    with pytest.raises(InputError, match=r"block-000000.npz is a block of another run"):
        cj.toys(model, 100, test="eps_dV_ee", seed=2, folder=folder, resume=True)


def test_another_model_is_refused_and_the_field_named(tmp_path):
    folder, e = tmp_path / "run", cj.experiments.csi_2017()
    interactions = [cj.StandardModel(), cj.NSI("eps_dV_ee")]
    options = {"folder": folder, "resume": True, "eps_dV_ee": (-1.0, 1.0, 5)}
    cj.scan(cj.Model(e, interactions), **options)
    shifted = np.array(e.observed)
    shifted[3] += 1
    others = {
        r"model.experiments.csi-2017.observed.sha256": cj.Model(e.with_data(shifted), interactions),
        r"model.parameters.R_n_Cs.default": cj.Model(e, interactions, defaults={"R_n_Cs": 5.0}),
        r"model.parameters.eps_uV_ee": cj.Model(
            e, [cj.StandardModel(), cj.NSI("eps_dV_ee", "eps_uV_ee")]
        ),
        r"model.experiments.csi-2017.mass_kg": cj.Model(
            cj.experiments.csi_2017(mass_kg=14.0), interactions
        ),
    }
    for field, model in others.items():
        with pytest.raises(InputError, match=field):
            cj.scan(model, **options)
    with pytest.raises(InputError, match=r"fixed.sin2_theta_w"):
        cj.scan(cj.Model(e, interactions), fixed={"sin2_theta_w": 0.23}, **options)
    with pytest.raises(InputError, match=r"engine: .node. in the folder, .template. now"):
        cj.scan(cj.Model(e, interactions), engine="template", **options)
    cj.scan(cj.Model(cj.experiments.csi_2017(), interactions), **options)


def test_a_profiled_grid_is_not_kept_in_a_folder(tmp_path):
    table = [parameter(n, bounds=(-5.0, 5.0)) for n in "xyz"]
    model = Batched(table, interrupted.chi2)
    with pytest.raises(InputError, match=r"has no blocks that a folder could keep; leave folder="):
        cj.scan(model, x=(-2.0, 2.0, 9), free=["y", "z"], folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


# --- devices and processes ---


@pytest.mark.parametrize("what", ["node", "toys"])
def test_eight_devices(tmp_path, whole, what):
    flags = "--xla_force_host_platform_device_count=8"
    finished(launched(what, tmp_path / "run", tmp_path / "8.npz", XLA_FLAGS=flags))
    same(tmp_path / "8.npz", whole(what))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "count"),
    [
        *(("node", 2), ("node", 3), ("toys", 3), ("newton", 3)),
        *(("feldman_cousins", 2), ("chains", 2), ("populations", 3)),
    ],
)
def test_devices_by_number(tmp_path, whole, what, count):
    finished(launched(what, tmp_path / "run", tmp_path / "n.npz", 0, "0/1", str(count)))
    same(tmp_path / "n.npz", whole(what))


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["node", "toys", "scan", "feldman_cousins", "chains", "populations"]
)
def test_two_processes(tmp_path, whole, what):
    both = [launched(what, tmp_path / "run", tmp_path / f"{k}.npz", 0, f"{k}/2") for k in (0, 1)]
    for k, process in enumerate(both):
        finished(process)
        same(tmp_path / f"{k}.npz", whole(what))


@pytest.mark.slow
def test_a_launcher_numbers_processes(tmp_path, whole):
    """The variables that SLURM sets are enough."""
    variables = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "localhost"}
    both = [
        launched(
            *("toys", tmp_path / "run", tmp_path / f"{k}.npz", 0.0, "auto", "2"),
            **{**variables, "SLURM_NTASKS": "2", "SLURM_PROCID": str(k), "SLURM_LOCALID": str(k)},
        )
        for k in (0, 1)
    ]
    for k, process in enumerate(both):
        finished(process)
        same(tmp_path / f"{k}.npz", whole("toys"))
