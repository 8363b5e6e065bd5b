"""What stops a run: another configuration, a damaged manifest, a folder that cannot be written."""

import os
import resource

import numpy as np
import pytest
from support.run_folder import CONFIGURATION, content, missing_blocks, new_run

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.inference.runs import run as run_module


def test_a_folder_with_a_run_needs_resume(complete):
    with pytest.raises(InputError, match=r"run holds a run; go on with it by resume=True \(--res"):
        new_run(complete).__enter__()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, "seed: 3 in the folder, 4 now; choose another folder"),
        ({"fixed": {"y": 0.25}}, "fixed.y: 0.5 in the folder, 0.25 now"),
        ({"fixed": {}}, 'fixed.y: 0.5 in the folder, "absent" now'),
        ({"axes": {"x": np.linspace(0, 1, 6)}}, r"axes.x.shape: \[5\] in the folder, \[6\] now"),
        ({"axes": {"x": np.linspace(0, 2, 5)}}, "axes.x.sha256"),
        ({"z": 1}, 'z: "absent" in the folder, 1 now'),
    ],
)
def test_another_run_is_refused_and_the_field_named(complete, change, message):
    with pytest.raises(InputError, match=message):
        new_run(complete, configuration={**CONFIGURATION, **change}, resume=True).__enter__()
    assert missing_blocks(complete) == []


def test_another_number_of_blocks_or_software_is_another_run(complete, monkeypatch):
    with pytest.raises(InputError, match="blocks: 4 in the folder, 5 now"):
        new_run(complete, 5, resume=True).__enter__()
    monkeypatch.setattr(run_module, "software", lambda: {"jax": "0"})
    with pytest.raises(InputError, match=r"software.jax: .* in the folder, .0. now"):
        new_run(complete, resume=True).__enter__()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no", "is not the manifest of a run"),
        ("[1]", "is not the manifest of a run"),
        ('{"format": 1}', "format 1, known is 2"),
        ('{"format": 2, "sha256": "x", "seed": 3}', "is damaged"),
    ],
)
def test_a_damaged_manifest_is_refused(complete, text, message):
    (complete / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=message):
        new_run(complete, resume=True).__enter__()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "nowhere" / "run", "/proc/run"):
        with pytest.raises(InputError, match=r"cannot be written: .*; choose another place"):
            new_run(place).__enter__()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written: Permission denied"):
        new_run(tmp_path / "run").__enter__()
    tmp_path.chmod(0o700)


def test_a_full_disk(tmp_path):
    """The system refuses to write more, as on a full disk; finished blocks are kept."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    with new_run(tmp_path / "run") as run:
        run.write(0, content(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, old[1]))
        try:
            with pytest.raises(RunError, match=r"block-000001.npz cannot be written: .*--resume"):
                run.write(1, {"a": np.zeros(10_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert missing_blocks(tmp_path / "run") == [1, 2, 3]
    assert not list((tmp_path / "run").glob(".block*"))
