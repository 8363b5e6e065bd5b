"""A folder for a long run: blocks that survive whatever ends it, and a manifest that names it.

``manifest.json`` holds the configuration and its sha256. A run may be killed at any moment: blocks
that are there and undamaged are kept. Process k of n works on blocks k, k + n, ... A lock keeps a
second run out.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.inference.progress import say, track
from cevnsjax.inference.runs.fingerprint import diff, digest, listed, software, to_plain
from cevnsjax.inference.runs.lock import Lock, holder
from cevnsjax.inference.runs.processes import place
from cevnsjax.inference.runs.store import MANIFEST, Store, manifest_of

FORMAT = 1
"""Version of the folder's layout."""
# How often others are looked after, and how long a process may be missing: it may still start.
_LOOK_S, _PATIENCE_S = 0.5, 300.0
# For so long nothing is said of it.
_QUIET_S = 2.0


class Run:
    """A run in a folder, open within a ``with``.

    Attributes:
        blocks: Number of blocks, None if nobody knows before.
        index: Number of this process.
        count: Number of processes.
        missing: Blocks of this process that are still to be made.
    """

    def __init__(
        self,
        folder: str | Path,
        configuration: Mapping[str, Any],
        blocks: int | None,
        *,
        resume: bool = False,
        processes: tuple[int, int] | None = None,
        width: int | None = None,
    ) -> None:
        """Prepare; nothing is written yet.

        Args:
            folder: Made if it is not there; its parent must be.
            configuration: All that decides the numbers, as data that ``to_plain`` takes.
            blocks: Number of blocks, None if nobody knows before.
            resume: Go on with what the folder holds; otherwise it must hold no run.
            processes: Number of this process and how many there are; ``place()`` if None.
            width: Block k goes on where block k - width ended, and is the same process's; blocks
                are independent of each other if None.
        """
        self._folder, self._resume, self.blocks = Path(folder), resume, blocks
        self._width = width
        self._store = Store(self._folder)
        self.index, self.count = place() if processes is None else processes
        asked = {**to_plain(configuration), "blocks": blocks, "software": software()}
        self._asked = json.loads(json.dumps(asked))
        self._lock = Lock(self._lock_of(self.index), {"process": self.index, "of": self.count})
        self.missing: list[int] = []
        self._whole: set[int] = set()

    def __enter__(self) -> "Run":
        try:
            self._folder.mkdir(exist_ok=True)
            self._lock.__enter__()
        except OSError as problem:
            raise InputError(
                f"folder {self._folder} cannot be written: {problem.strerror}; choose another place"
            ) from None
        try:
            self._open()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, problem, trace)

    def _open(self) -> None:
        self._refuse_others()
        stored = manifest_of(self._folder)
        if stored is None:
            stored = self._begun()
        elif not self._resume and self.index == 0:
            raise InputError(
                f"{self._folder} holds a run; go on with it by resume=True (--resume), or choose "
                "another folder"
            )
        self._compare(stored)
        self._store.tidy(self.is_own)
        there = [k for k in self._store.numbers() if self.is_own(k)]
        looked = track(there, "looking through blocks")
        self._whole = {k for k in looked if self._store.is_whole(k)}
        own = filter(self.is_own, range(self.blocks or 0))
        self.missing = [k for k in own if k not in self._whole]

    def is_own(self, block: int) -> bool:
        """Whether a block is to be made by this process.

        Args:
            block: Its number.
        """
        return self._owner(block) == self.index

    def _owner(self, block: int) -> int:
        return (block if self._width is None else block % self._width) % self.count

    def _refuse_others(self) -> None:
        """Stop at a process of another run that works here.

        Raises:
            RunError: Naming it.
        """
        for path in self._folder.glob("process-*.lock"):
            found = None if path == self._lock_of(self.index) else holder(path)
            if found is not None and found.get("of", self.count) != self.count:
                raise RunError(
                    f"{self._folder} is written by {found['of']} processes, one of them "
                    f"{found.get('pid', '?')} on {found.get('host', '?')}; this is one of "
                    f"{self.count}; wait for them, or choose another folder"
                )

    def _begun(self) -> dict[str, Any]:
        """The manifest, written by the first process; others wait for it.

        Raises:
            RunError: If there is none to wait for.
        """
        if self.index == 0:
            stored = {"format": FORMAT, "sha256": digest(self._asked), **self._asked}
            self._store.put(self._folder / MANIFEST, (json.dumps(stored, indent=1) + "\n").encode())
            return stored
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE_S:
            stored = manifest_of(self._folder)
            if stored is not None:
                return stored
            time.sleep(_LOOK_S)
        raise RunError(
            f"the first of {self.count} processes has not begun a run in {self._folder} within "
            f"{_PATIENCE_S:g} s; start all of them, and look at what it says"
        )

    def _compare(self, stored: dict[str, Any]) -> None:
        """Stop if the folder holds another run.

        Raises:
            InputError: Saying field by field what differs.
        """
        rest = {n: x for n, x in stored.items() if n not in ("format", "sha256")}
        if stored.get("format") != FORMAT:
            raise InputError(
                f"{self._folder} has format {stored.get('format')}, known is {FORMAT}; finish it "
                "with the version of cevnsjax that began it, or choose another folder"
            )
        if stored.get("sha256") != digest(rest):
            raise InputError(
                f"{self._folder / MANIFEST} is damaged: its sha256 is another; choose another "
                "folder"
            )
        if rest != self._asked:
            raise InputError(
                f"{self._folder} holds another run: {listed(diff(rest, self._asked))}; "
                "choose another folder, or ask for the same"
            )

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a block.

        Args:
            block: Its number.
            arrays: Its content.

        Raises:
            RunError: If it cannot be written; what was written before is kept.
        """
        self._store.write(block, arrays)
        self._whole.add(block)
        if block in self.missing:
            self.missing.remove(block)

    def read(self, block: int) -> dict[str, np.ndarray]:
        """The content of a block.

        Args:
            block: Its number.

        Raises:
            RunError: If it is not there or damaged.
        """
        found = self._store.read(block)
        if found is None:
            raise RunError(
                f"{self._store.path(block)} is missing or damaged; run again with resume=True "
                "(--resume)"
            )
        return found

    def has(self, block: int) -> bool:
        """Whether this process has a block.

        Args:
            block: Its number.
        """
        return block in self._whole

    def wait(self) -> None:
        """Wait until all processes have made their blocks.

        Raises:
            RunError: If one of them has gone before.
        """
        others = [k for k in range(self.blocks or 0) if not self.is_own(k)]
        seen = began = time.monotonic()
        said: set[int] = set()
        for k in track(others, "waiting for other processes"):
            owner = self._owner(k)
            path = self._lock_of(owner)
            while not self._store.is_whole(k):
                if owner not in said and time.monotonic() - began > _QUIET_S:
                    said.add(owner)
                    say(f"waiting for process {owner} of {self.count} in {self._folder}")
                if holder(path) is not None:
                    seen = time.monotonic()
                elif time.monotonic() - seen > _PATIENCE_S:
                    raise RunError(
                        f"process {owner} of {self.count} does not run and block {k} of "
                        f"{self.blocks} is missing in {self._folder}; start all processes again "
                        "with resume=True (--resume)"
                    )
                time.sleep(_LOOK_S)

    def _lock_of(self, index: int) -> Path:
        return self._folder / f"process-{index}.lock"
