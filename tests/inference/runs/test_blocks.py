"""Blocks of a run: each is complete or missing, and damaged blocks are computed again."""

import hashlib
import json
import shutil
import threading

import numpy as np
import pytest
from support.run_folder import CONFIGURATION, content, missing_blocks, new_run

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.inference.runs import workers
from cevnsjax.inference.runs.blocks import block_ranges, compute_missing


def test_blocks_are_read_as_they_were_written(complete):
    with new_run(complete, resume=True) as run:
        assert run.missing == []
        for k in range(4):
            assert run.has(k)
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
    assert manifest.pop("format") == 2
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
        assert [run.has(k) for k in range(4)] == [True, True, False, True]
        with pytest.raises(RunError, match=r"block-000002.npz is missing or damaged; run again"):
            run.read(2)
        run.write(2, content(2))
        np.testing.assert_array_equal(run.read(2)["a"], content(2)["a"])
    assert missing_blocks(complete) == []


def test_five_of_many_damaged_blocks_are_listed(tmp_path, capsys):
    with new_run(tmp_path / "run", 8) as run:
        for k in range(8):
            run.write(k, content(k))
            truncate(tmp_path / "run" / f"block-{k:06d}.npz")
    missing_blocks(tmp_path / "run", blocks=8)
    assert "computed again: block 0, 1, 2, 3, 4 and 3 more" in capsys.readouterr().err


def test_pieces_are_computed_side_by_side(tmp_path, monkeypatch):
    """Each of two pieces waits for the other to begin."""
    monkeypatch.setattr(workers, "core_count", lambda: 2)
    both = threading.Barrier(2, timeout=30)

    def work(piece):
        both.wait()
        return {"x": np.full(1, piece)}

    with new_run(tmp_path / "run", 2) as run:
        compute_missing(run, [range(1), range(1, 2)], work, "test")
        assert [int(run.read(k)["x"][0]) for k in range(2)] == [0, 1]


def copied(folder, one, other):
    """Give block ``other`` the files of block ``one``."""
    for suffix in (".npz", ".sha256"):
        shutil.copy(folder / f"block-{one:06d}{suffix}", folder / f"block-{other:06d}{suffix}")


def with_its_sum(path):
    line = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    path.with_suffix(".sha256").write_text(line)


@pytest.mark.parametrize("other", [0, 3, 7])
@pytest.mark.parametrize("mended", [False, True])
def test_a_copied_block_is_refused(complete, other, mended):
    """Whether or not its sha256 was made again for the new name."""
    copied(complete, 1, other)
    if mended:
        with_its_sum(complete / f"block-{other:06d}.npz")
    with pytest.raises(InputError, match=rf"block-00000{other}.npz is a copy of block 1 of this r"):
        missing_blocks(complete)


def test_blocks_that_changed_places_are_refused(complete):
    copied(complete, 0, 9)
    copied(complete, 1, 0)
    copied(complete, 9, 1)
    with pytest.raises(InputError, match=r"block-000000.npz is a copy of block 1 of this run; del"):
        missing_blocks(complete)


def test_a_renamed_block_is_refused(complete):
    (complete / "block-000001.npz").rename(complete / "block-000002.npz")
    with pytest.raises(InputError, match=r"block-000002.npz is a copy of block 1 of this run; del"):
        missing_blocks(complete)


def test_a_block_of_another_run_is_refused(complete, tmp_path):
    """Of the same shape, with its own sum and of another seed."""
    with new_run(tmp_path / "other", configuration={**CONFIGURATION, "seed": 4}) as run:
        run.write(2, content(2))
    for suffix in (".npz", ".sha256"):
        shutil.copy(tmp_path / "other" / f"block-000002{suffix}", complete)
    with pytest.raises(
        InputError, match=r"block-000002.npz is a block of another run \([0-9a-f]{12}"
    ):
        missing_blocks(complete)
    # As the first process waits for the second, too.
    with new_run(complete, resume=True, processes=(1, 2)) as run:
        assert run.missing == []
        with pytest.raises(InputError, match="another run"):
            run.wait()


def test_a_block_without_its_run_is_refused(complete):
    """Blocks of format 1 did not say which run they belong to."""
    np.savez(complete / "block-000002.npz", **content(2))
    with_its_sum(complete / "block-000002.npz")
    with pytest.raises(
        InputError, match=r"a block of another run \(unknown, this one is [0-9a-f]{12}"
    ):
        missing_blocks(complete)


def test_the_run_and_the_number_are_inside_a_block(complete):
    stored = json.loads((complete / "manifest.json").read_text())["sha256"]
    for k in range(4):
        with np.load(complete / f"block-{k:06d}.npz") as arrays:
            assert (arrays["_run"].item(), arrays["_block"].item()) == (stored, k)


def test_blocks_without_a_manifest_are_refused(complete):
    manifest = (complete / "manifest.json").read_text()
    (complete / "manifest.json").unlink()
    for index in (0, 1):
        with pytest.raises(InputError, match=r"holds blocks and no manifest.json, so that nothing"):
            missing_blocks(complete, processes=(index, 2))
    with pytest.raises(InputError, match=r"holds blocks and no manifest.json"):
        new_run(complete, configuration={**CONFIGURATION, "seed": 4}).__enter__()
    (complete / "manifest.json").write_text(manifest)
    assert missing_blocks(complete) == []


def test_the_manifest_of_another_run_does_not_make_blocks_its_own(complete, tmp_path):
    other = {**CONFIGURATION, "seed": 4}
    with new_run(tmp_path / "other", configuration=other):
        shutil.copy(tmp_path / "other" / "manifest.json", complete)
    with pytest.raises(InputError, match=r"block-000000.npz is a block of another run"):
        missing_blocks(complete, configuration=other)


def test_damaged_blocks_are_named(complete, capsys):
    truncate(complete / "block-000001.npz")
    delete(complete / "block-000003.sha256")
    assert missing_blocks(complete) == [1, 3]
    said = "damaged or unfinished, computed again: block 1, 3"
    assert capsys.readouterr().err == f"{complete}: {said}\n"


def test_every_bit_of_a_block_counts(complete):
    """Whichever byte is harmed, its block is not used, and not taken for another run's."""
    path = complete / "block-000002.npz"
    body = path.read_bytes()
    with new_run(complete, resume=True) as run:
        for place in range(0, len(body), 3):
            path.write_bytes(body[:place] + bytes([body[place] ^ 64]) + body[place + 1 :])
            with pytest.raises(RunError, match="missing or damaged"):
                run.read(2)
    path.write_bytes(body)
    assert missing_blocks(complete) == []


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
