"""Blocks of arrays in a folder, each a file with its sha256 beside it, written whole or not at all.

``sha256sum -c *.sha256`` checks them all.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.core.files import write_atomically

MANIFEST = "manifest.json"
"""File that says what a run computes."""
_DIGITS = 6


class Store:
    """Blocks in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def numbers(self) -> list[int]:
        """Numbers of the blocks that were finished, damaged ones among them."""
        names = (p.stem.removeprefix("block-") for p in self._folder.glob("block-*.sha256"))
        return sorted(int(n) for n in names if n.isdecimal())

    def delete_unfinished(self, owns: Callable[[int], bool]) -> None:
        """Delete files that a killed process had begun to write."""
        for part in self._folder.glob(".block-*"):
            digits = part.name.removeprefix(".block-")[:_DIGITS]
            if digits.isdecimal() and owns(int(digits)):
                part.unlink(missing_ok=True)

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block."""
        content = io.BytesIO()
        columns: dict[str, Any] = {n: np.asarray(x) for n, x in arrays.items()}
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
            return dict(arrays)

    def is_whole(self, block: int) -> bool:
        """Whether a block is there and undamaged."""
        return self._undamaged(block) is not None

    def _undamaged(self, block: int) -> bytes | None:
        try:
            line, body = self._sum_path(block).read_bytes(), self.path(block).read_bytes()
        except OSError:
            return None
        return body if line == self._sum_line(block, body) else None

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
