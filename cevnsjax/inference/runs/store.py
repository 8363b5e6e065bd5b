"""Blocks of arrays in a folder, each a file with its sha256 beside it, written whole or not at all.

Each block says inside which run it belongs to and which block it is, so that none stands in for
another: one that is copied, renamed or of another run is refused, one that is damaged is missing.
``sha256sum -c *.sha256`` checks them all.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.disk.files import write_atomically
from cevnsjax.core.disk.temporary_files import delete_abandoned
from cevnsjax.core.errors import InputError, RunError

MANIFEST = "manifest.json"
"""File that says what a run computes."""
_DIGITS = 6
# Digits of a sha256 in messages.
_SHOWN = 12


# What names a block inside it.
_RUN, _NUMBER = "_run", "_block"
_FILE = re.compile(r"block-(\d+)\.(npz|sha256)")


class Store:
    """Blocks in a folder; each holds the sha256 of its run's configuration and its number."""

    def __init__(self, folder: Path, run_sha256: str) -> None:
        self._folder, self._run_sha256 = folder, run_sha256

    def numbers(self) -> list[int]:
        """Numbers of the blocks that have files, damaged ones among them."""
        names = (_FILE.fullmatch(p.name) for p in self._folder.glob("block-*"))
        return sorted({int(name[1]) for name in names if name})

    def delete_unfinished(self, owns: Callable[[int], bool]) -> None:
        """Delete files that a killed process had begun to write."""
        delete_abandoned(self._folder)
        for part in self._folder.glob(".block-*"):
            digits = part.name.removeprefix(".block-")[:_DIGITS]
            if digits.isdecimal() and owns(int(digits)):
                part.unlink(missing_ok=True)

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block."""
        content = io.BytesIO()
        columns: dict[str, Any] = {n: np.asarray(x) for n, x in arrays.items()}
        columns |= {_RUN: np.array(self._run_sha256), _NUMBER: np.array(block)}
        np.savez(content, **columns)
        body, path, sum_path = content.getvalue(), self.path(block), self._sum_path(block)
        # A block counts once its sum is there: an old sum must not stand beside a new block.
        if sum_path.exists():
            self.put(sum_path, b"")
        self.put(path, body)
        self.put(sum_path, self._sum_line(block, body))

    def read(self, block: int) -> dict[str, np.ndarray] | None:
        """The content of a block, None if it is missing or damaged."""
        body = self._undamaged(block)
        if body is None:
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return {n: arrays[n] for n in arrays.files if n not in (_RUN, _NUMBER)}

    def is_whole(self, block: int) -> bool:
        """Whether a block is there and undamaged."""
        return self._undamaged(block) is not None

    def _undamaged(self, block: int) -> bytes | None:
        """The file of a block; an InputError says that it is another block or another run's."""
        try:
            body = self.path(block).read_bytes()
        except OSError:
            return None
        whole = self._sum_of(block) == self._sum_line(block, body)
        names = _names_in(body)
        if names is None or not (whole or len(names) == 2):
            return None
        if names != {_RUN: self._run_sha256, _NUMBER: block}:
            raise InputError(
                f"{self.path(block)} {self._whose(names)}; delete it, or choose another folder"
            )
        return body if whole else None

    def _sum_of(self, block: int) -> bytes | None:
        try:
            return self._sum_path(block).read_bytes()
        except OSError:
            return None

    def _whose(self, names: Mapping[str, object]) -> str:
        """What is wrong with the names inside a block."""
        if names.get(_RUN) == self._run_sha256:
            return f"is a copy of block {names.get(_NUMBER)} of this run"
        one, this = str(names.get(_RUN, "unknown"))[:_SHOWN], self._run_sha256[:_SHOWN]
        return f"is a block of another run ({one}, this one is {this})"

    def _sum_line(self, block: int, body: bytes) -> bytes:
        return f"{hashlib.sha256(body).hexdigest()}  {self.path(block).name}\n".encode()

    def put(self, path: Path, body: bytes) -> None:
        """Write a file of the folder; a RunError says why it cannot be written."""
        try:
            write_atomically(path, lambda part: part.write_bytes(body))
        except OSError as problem:
            raise RunError(
                f"{path} cannot be written: {problem.strerror}; finished blocks are kept: make "
                "room there and go on with resume=True (--resume)"
            ) from None

    def path(self, block: int) -> Path:
        """File of a block."""
        return self._folder / f"block-{block:0{_DIGITS}d}.npz"

    def _sum_path(self, block: int) -> Path:
        return self.path(block).with_suffix(".sha256")


def _names_in(body: bytes) -> dict[str, object] | None:
    """The run and the number that a block says inside; None if it cannot be read."""
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            return {n: arrays[n].item() for n in (_RUN, _NUMBER) if n in arrays.files}
    except Exception:
        # A damaged zip fails in many ways.
        return None


def manifest_of(folder: str | Path) -> dict[str, object] | None:
    """Content of a folder's manifest, None if the folder or the manifest does not exist."""
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict):
        raise InputError(f"{path} is not the manifest of a run; choose another folder")
    return manifest
