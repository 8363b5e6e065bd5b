"""A folder for a long run: blocks that survive whatever ends it, and a manifest that names it.

``manifest.json`` holds the configuration and its sha256. A run may be killed at any moment: blocks
that are there and undamaged are kept. Process k of n works on blocks k, k + n, ... A lock keeps a
second run out.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import BaseFileLock

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.core.plain import digest, software, to_plain
from cevnsjax.inference.progress import say, track
from cevnsjax.inference.runs.fingerprint import diff, listed
from cevnsjax.inference.runs.folder_lock import is_locked, lock
from cevnsjax.inference.runs.processes import this_process
from cevnsjax.inference.runs.store import MANIFEST, Store, manifest_of

FORMAT = 2
"""Version of the folder's layout."""
# How often to look for other processes' files [s].
_POLL_S = 0.5
# How long a process may be missing, as it may still be starting [s].
_START_TIMEOUT_S = 300.0
# Blocks that a message lists.
_MAX_LISTED = 5
# Waiting is not mentioned before [s].
_SILENT_S = 2.0


class Run:
    """A run in a folder, open within a ``with``.

    Attributes:
        blocks: Number of blocks.
        index: Number of this process.
        count: Number of processes.
        missing: Blocks of this process that are still to be computed.
    """

    def __init__(
        self,
        folder: str | Path,
        configuration: Mapping[str, object],
        blocks: int,
        *,
        resume: bool = False,
        processes: tuple[int, int] | None = None,
        width: int | None = None,
    ) -> None:
        """Describe a run; nothing is written yet.

        Args:
            folder: Created if it does not exist; its parent must exist.
            configuration: All that decides the numbers, as data that ``to_plain`` takes.
            blocks: Number of blocks.
            resume: Go on with what the folder holds; otherwise it must hold no run.
            processes: Number of this process and how many there are; ``this_process()`` if None.
            width: Block k continues block k - width on the same process; independent if None.
        """
        self._folder, self._resume, self.blocks, self._width = Path(folder), resume, blocks, width
        self.index, self.count = this_process() if processes is None else processes
        everything = {**configuration, "blocks": blocks, "software": software()}
        self._configuration = json.loads(json.dumps(to_plain(everything)))
        self._store = Store(self._folder, digest(self._configuration))
        self._lock: BaseFileLock | None = None
        self.missing: list[int] = []
        self._written: set[int] = set()

    def __enter__(self) -> "Run":
        try:
            self._folder.mkdir(exist_ok=True)
            self._lock = lock(self._lock_path(self.index))
        except OSError as problem:
            raise InputError(
                f"folder {self._folder} cannot be written: {problem.strerror}; choose another place"
            ) from None
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(problem, KeyboardInterrupt):
            problem.add_note(
                f"{len(self._written)} of {self.blocks} blocks are kept in {self._folder}; the "
                "same with resume=True (--resume) goes on"
            )
        if self._lock is not None:
            self._lock.release()

    def _open(self) -> None:
        self._refuse_other_counts()
        stored = manifest_of(self._folder)
        if stored is None:
            stored = self._begin()
        elif not self._resume and self.index == 0:
            raise InputError(
                f"{self._folder} holds a run; go on with it by resume=True (--resume), or choose "
                "another folder"
            )
        self._compare(stored)
        self._store.delete_unfinished(self.owns)
        numbers = [k for k in self._store.numbers() if self.owns(k)]
        checked = track(numbers, "checking blocks")
        self._written = {k for k in checked if self._store.is_whole(k)}
        self._mention([k for k in numbers if k not in self._written])
        mine = filter(self.owns, range(self.blocks))
        self.missing = [k for k in mine if k not in self._written]

    def _mention(self, damaged: Sequence[int]) -> None:
        """Say which blocks have files that cannot be used."""
        if damaged:
            listed = ", ".join(map(str, damaged[:_MAX_LISTED]))
            more = f" and {len(damaged) - _MAX_LISTED} more" if len(damaged) > _MAX_LISTED else ""
            say(f"{self._folder}: damaged or unfinished, computed again: block {listed}{more}")

    def owns(self, block: int) -> bool:
        """Whether a block is to be computed by this process."""
        return self._process_of(block) == self.index

    def _process_of(self, block: int) -> int:
        return (block if self._width is None else block % self._width) % self.count

    def _refuse_other_counts(self) -> None:
        """Stop at a process of a run by another number of processes."""
        for path in self._folder.glob("process-*-of-*.lock"):
            count = path.stem.rpartition("-")[2]
            if count != str(self.count) and is_locked(path):
                raise RunError(
                    f"a run by {count} processes writes to {self._folder}, this is one of "
                    f"{self.count}; wait for it, or choose another folder"
                )

    def _begin(self) -> dict[str, object]:
        """The manifest, written by the first process; others wait for it."""
        if self._store.numbers() and manifest_of(self._folder) is None:
            raise InputError(
                f"{self._folder} holds blocks and no {MANIFEST}, so that nothing says what they "
                "are; put it back, or choose another folder"
            )
        if self.index == 0:
            stored = {"format": FORMAT, "sha256": digest(self._configuration)}
            stored |= self._configuration
            text = json.dumps(stored, indent=1) + "\n"
            self._store.put(self._folder / MANIFEST, text.encode())
            return stored
        start = time.monotonic()
        while time.monotonic() - start < _START_TIMEOUT_S:
            stored = manifest_of(self._folder)
            if stored is not None:
                return stored
            time.sleep(_POLL_S)
        raise RunError(
            f"the first of {self.count} processes has not begun a run in {self._folder} within "
            f"{_START_TIMEOUT_S:g} s; start all of them, and look at its messages"
        )

    def _compare(self, stored: dict[str, object]) -> None:
        """Stop if the folder holds another run, and say field by field what differs."""
        configuration = {n: x for n, x in stored.items() if n not in ("format", "sha256")}
        if stored.get("format") != FORMAT:
            raise InputError(
                f"{self._folder} has format {stored.get('format')}, known is {FORMAT}; finish it "
                "with the version of cevnsjax that began it, or choose another folder"
            )
        if stored.get("sha256") != digest(configuration):
            raise InputError(
                f"{self._folder / MANIFEST} is damaged: its content does not have its sha256; "
                "choose another folder"
            )
        if configuration != self._configuration:
            differences = listed(diff(configuration, self._configuration))
            raise InputError(
                f"{self._folder} holds another run: {differences}; "
                "choose another folder, or ask for the same"
            )

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Store a block."""
        self._store.write(block, arrays)
        self._written.add(block)
        if block in self.missing:
            self.missing.remove(block)

    def read(self, block: int) -> dict[str, np.ndarray]:
        """The content of a block; a RunError says that it is missing or damaged."""
        arrays = self._store.read(block)
        if arrays is None:
            raise RunError(
                f"{self._store.path(block)} is missing or damaged; run again with resume=True "
                "(--resume)"
            )
        return arrays

    def has(self, block: int) -> bool:
        """Whether this process has written a block, now or in an earlier run."""
        return block in self._written

    def wait(self) -> None:
        """Wait until all processes have written their blocks; a RunError names one that ended."""
        others = [k for k in range(self.blocks) if not self.owns(k)]
        last_seen = start = time.monotonic()
        mentioned: set[int] = set()
        for k in track(others, "waiting for other processes"):
            process = self._process_of(k)
            path = self._lock_path(process)
            while not self._store.is_whole(k):
                if process not in mentioned and time.monotonic() - start > _SILENT_S:
                    mentioned.add(process)
                    say(f"waiting for process {process} of {self.count} in {self._folder}")
                if is_locked(path):
                    last_seen = time.monotonic()
                elif time.monotonic() - last_seen > _START_TIMEOUT_S:
                    raise RunError(
                        f"process {process} of {self.count} does not run and block {k} of "
                        f"{self.blocks} is missing in {self._folder}; start all processes again "
                        "with resume=True (--resume)"
                    )
                time.sleep(_POLL_S)

    def _lock_path(self, index: int) -> Path:
        return self._folder / f"process-{index}-of-{self.count}.lock"
