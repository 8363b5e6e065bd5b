"""Several processes of a run, and the option that says which one this is."""

import time
from types import SimpleNamespace

import jax
import pytest
from support.run_folder import content, new_run

from cevnsjax import devices
from cevnsjax.core.errors import InputError, RunError
from cevnsjax.inference.runs import run as run_module
from cevnsjax.inference.runs.processes import configure


def test_a_missing_process_is_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_module, "_START_TIMEOUT_S", 0.2)
    monkeypatch.setattr(run_module, "_SILENT_S", 0.1)
    monkeypatch.setattr(run_module, "_POLL_S", 0.05)
    with pytest.raises(RunError, match="the first of 2 processes has not begun"):
        new_run(tmp_path / "run", processes=(1, 2)).__enter__()
    with new_run(tmp_path / "run", processes=(0, 2)) as run:
        for k in list(run.missing):
            run.write(k, content(k))
        began = time.monotonic()
        with pytest.raises(RunError, match="process 1 of 2 does not run and block 1 of 4 is miss"):
            run.wait()
        assert time.monotonic() - began >= 0.2
        assert capsys.readouterr().err.count("waiting for process 1 of 2 in ") == 1
        # The second process needs no resume=True, because the first has begun the run.
        with new_run(tmp_path / "run", processes=(1, 2)) as other:
            for k in list(other.missing):
                other.write(k, content(k))
        run.wait()


def test_others_are_waited_for_five_minutes(tmp_path, monkeypatch):
    """With pauses, by a clock of the test; an hour without them ends the test."""
    now, pauses = [0.0], []

    def monotonic():
        now[0] += 0.01
        assert now[0] < 3600
        return now[0]

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(run_module, "time", SimpleNamespace(monotonic=monotonic, sleep=sleep))
    with new_run(tmp_path / "run", processes=(0, 2)) as run:
        run.write(0, content(0))
        with pytest.raises(RunError, match="process 1 of 2 does not run"):
            run.wait()
    assert now[0] == pytest.approx(300, abs=5)
    assert sum(pauses) > 250


@pytest.mark.parametrize("words", ["", "4/4", "-1/2", "1", "a/b", "1/2/3", "1.0/2"])
def test_bad_words_for_a_process(words):
    with pytest.raises(InputError, match=r"should read K/N .* e.g. 0/4, or auto"):
        configure(words)


@pytest.mark.parametrize("count", [0, -1, True, 2.0, 5000, "2"])
def test_bad_numbers_of_devices(count):
    with pytest.raises(InputError, match="devices must be a whole number from 1 to 4096"):
        configure(devices=count)


def test_more_devices_than_exist():
    jax.devices()
    with pytest.raises(InputError, match="4000 devices are asked for and 1 of kind cpu are there"):
        configure(devices=4000)


def test_as_many_devices_as_were_asked_for_are_used(monkeypatch):
    jax.devices()
    eight = [f"device {k}" for k in range(8)]
    monkeypatch.setattr(jax, "local_devices", lambda: eight)
    monkeypatch.setattr(devices, "_limit", {})
    configure(devices=3)
    assert devices.worker_devices() == eight[:3]
    configure(devices=1)
    assert devices.worker_devices() == []


def test_no_launcher():
    with pytest.raises(InputError, match="no launcher says which process this is"):
        configure("auto")
