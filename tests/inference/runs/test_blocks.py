"""Blocks of a run: each is complete or missing, and damaged blocks are computed again."""

import hashlib
import json

import numpy as np
import pytest
from support.run_folder import content, missing_blocks, new_run

from cevnsjax.core.errors import RunError
from cevnsjax.inference.runs.blocks import block_ranges


def test_blocks_are_read_as_they_were_written(complete):
    with new_run(complete, resume=True) as run:
        assert run.missing == []
        for k in range(4):
            arrays = run.read(k)
            assert list(arrays) == ["a", "b"]
            for name, array in content(k).items():
                np.testing.assert_array_equal(arrays[name], array)
                assert arrays[name].dtype == array.dtype


def test_each_block_has_its_sha256_beside_it(complete):
    for path in complete.glob("*.npz"):
        line = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        assert path.with_suffix(".sha256").read_text() == line


def test_the_manifest_contains_its_sha256(complete):
    manifest = json.loads((complete / "manifest.json").read_text())
    assert manifest.pop("format") == 1
    text = json.dumps(
        {n: x for n, x in manifest.items() if n != "sha256"}, sort_keys=True, separators=(",", ":")
    )
    assert manifest["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert manifest["seed"] == 3
    assert manifest["blocks"] == 4
    assert manifest["fixed"] == {"y": 0.5}
    assert manifest["axes"]["x"]["sha256"] == hashlib.sha256(np.linspace(0, 1, 5)).hexdigest()
    assert set(manifest["software"]) == {"cevnsjax", "jax", "numpy", "python", "backend"}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(bytes(body))


def delete(path):
    path.unlink()


@pytest.mark.parametrize("suffix", [".npz", ".sha256"])
@pytest.mark.parametrize("harm", [truncate, empty, flip_a_bit, delete])
def test_a_damaged_block_is_computed_again(complete, harm, suffix):
    harm(complete / f"block-000002{suffix}")
    with new_run(complete, resume=True) as run:
        assert run.missing == [2]
        with pytest.raises(RunError, match=r"block-000002.npz is missing or damaged; run again"):
            run.read(2)
        run.write(2, content(2))
        np.testing.assert_array_equal(run.read(2)["a"], content(2)["a"])
    assert missing_blocks(complete) == []


def test_blocks_that_changed_places_are_computed_again(complete):
    for suffix in (".npz", ".sha256"):
        one, other = (complete / f"block-00000{k}{suffix}" for k in (0, 1))
        body = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(body)
    assert missing_blocks(complete) == [0, 1]


def test_unfinished_files_of_a_killed_process_are_deleted(complete):
    for name in (".block-000001-x3_.npz", ".block-000002-k.sha256"):
        (complete / name).write_bytes(b"half")
    with new_run(complete, resume=True, processes=(0, 2)):
        # Block 1 belongs to the other process, which may be writing it now.
        assert [p.name for p in complete.glob(".block*")] == [".block-000001-x3_.npz"]


def test_work_is_shared_out_by_process(complete):
    for path in complete.glob("*.sha256"):
        path.unlink()
    assert missing_blocks(complete, processes=(0, 3)) == [0, 3]
    assert missing_blocks(complete, processes=(1, 3)) == [1]
    assert missing_blocks(complete, processes=(2, 3)) == [2]


@pytest.mark.parametrize("total", [1, 2, 7, 4096, 4097, 97657])
@pytest.mark.parametrize("size", [1, 3])
def test_blocks_cover_all_pieces_once(total, size):
    blocks = block_ranges(total, size)
    assert [k for block in blocks for k in block] == list(range(total))
    assert len(blocks) <= 4096
    assert {len(b) for b in blocks[:-1]} <= {len(blocks[0])}
    assert total < size or len(blocks[0]) >= size
