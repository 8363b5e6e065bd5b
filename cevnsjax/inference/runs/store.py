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
"""What a run was asked to do."""
_DIGITS = 6


class Store:
    """Blocks in a folder."""

    def __init__(self, folder: Path) -> None:
        """Prepare.

        Args:
            folder: Where they are.
        """
        self._folder = folder

    def numbers(self) -> list[int]:
        """Blocks that were finished, damaged ones among them."""
        names = (p.stem.removeprefix("block-") for p in self._folder.glob("block-*.sha256"))
        return sorted(int(n) for n in names if n.isdecimal())

    def tidy(self, own: Callable[[int], bool]) -> None:
        """Delete what a killed process had begun to write.

        Args:
            own: Whether a block is this process's.
        """
        for part in self._folder.glob(".block-*"):
            digits = part.name.removeprefix(".block-")[:_DIGITS]
            if digits.isdecimal() and own(int(digits)):
                part.unlink(missing_ok=True)

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a block.

        Args:
            block: Its number.
            arrays: Its content.

        Raises:
            RunError: If it cannot be written.
        """
        content = io.BytesIO()
        given: dict[str, Any] = {n: np.asarray(x) for n, x in arrays.items()}
        np.savez(content, **given)
        body, path, seal = content.getvalue(), self.path(block), self._seal(block)
        # A block counts from its sum on: an old sum must not meet a new block.
        if seal.exists():
            self.put(seal, b"")
        self.put(path, body)
        self.put(seal, self._line(block, body))

    def read(self, block: int) -> dict[str, np.ndarray] | None:
        """The content of a block, None if it is missing or damaged.

        Args:
            block: Its number.
        """
        body = self._undamaged(block)
        if body is None:
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as found:
            return dict(found)

    def is_whole(self, block: int) -> bool:
        """Whether a block is there and undamaged.

        Args:
            block: Its number.
        """
        return self._undamaged(block) is not None

    def _undamaged(self, block: int) -> bytes | None:
        try:
            line, body = self._seal(block).read_bytes(), self.path(block).read_bytes()
        except OSError:
            return None
        return body if line == self._line(block, body) else None

    def _line(self, block: int, body: bytes) -> bytes:
        return f"{hashlib.sha256(body).hexdigest()}  {self.path(block).name}\n".encode()

    def put(self, path: Path, body: bytes) -> None:
        """Write a file of the folder.

        Args:
            path: The file.
            body: Its content.

        Raises:
            RunError: If it cannot be written.
        """
        try:
            write_atomically(path, lambda part: part.write_bytes(body))
        except OSError as problem:
            raise RunError(
                f"{path} cannot be written: {problem.strerror}; finished blocks are kept: make "
                "room there and go on with resume=True (--resume)"
            ) from None

    def path(self, block: int) -> Path:
        """File of a block.

        Args:
            block: Its number.
        """
        return self._folder / f"block-{block:0{_DIGITS}d}.npz"

    def _seal(self, block: int) -> Path:
        return self.path(block).with_suffix(".sha256")


def manifest_of(folder: str | Path) -> dict[str, Any] | None:
    """What a folder's manifest says, None if there is none.

    Args:
        folder: Folder of a run, or of none yet.

    Raises:
        InputError: If it cannot be read.
    """
    path = Path(folder) / MANIFEST
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is no manifest of a run; choose another folder")
    return found
