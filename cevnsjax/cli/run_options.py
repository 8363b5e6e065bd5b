"""Where a long command keeps its work, and how much of the machine it uses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cevnsjax.core.errors import InputError


@dataclass(frozen=True)
class RunOptions:
    """What --folder, --resume, --devices and --process say.

    Attributes:
        folder: Folder of the run.
        resume: Go on with what it holds.
        devices: Devices to use.
        process: "K/N" or "auto", if this is one of several processes.
    """

    folder: Path | None = None
    resume: bool = False
    devices: int | None = None
    process: str | None = None

    def begin(self) -> None:
        """Set devices and process number up, before the first computation.

        Raises:
            InputError: At several processes without a folder that they share.
        """
        if self.folder is None and self.process is not None:
            raise InputError(
                f"--process {self.process} needs --folder: processes share their work there"
            )
        if self.folder is None and self.resume:
            raise InputError("--resume needs the folder of a run: --folder DIR")
        if self.devices is None and self.process is None:
            return
        from cevnsjax.inference.runs.processes import configure

        configure(self.process, self.devices)

    @property
    def options(self) -> dict[str, Any]:
        """Keywords of the functions that can be kept in a folder."""
        return {"folder": self.folder, "resume": self.resume}

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes; the others are done when their work is."""
        if self.process is None:
            return True
        from cevnsjax.inference.runs.processes import this_process

        return this_process()[0] == 0
