"""Where a long command keeps its work, and how much of the machine it uses."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cevnsjax.cli.machine import prepare
from cevnsjax.core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """The folder of a run, and which process this is."""

    folder: Annotated[Path | None, "Keep the work here; it can be interrupted."] = None
    resume: Annotated[bool, "Begin or go on with the run in --folder."] = False
    process: Annotated[str | None, "K/N: process K of N on one --folder; or auto."] = None

    def begin(self) -> None:
        """Set jax, devices and process number up, before the first computation."""
        if self.folder is None and self.process is not None:
            raise InputError(
                f"--process {self.process} needs --folder: processes share their work there"
            )
        prepare()
        devices = self._devices()
        if devices is not None or self.process is not None:
            from cevnsjax.inference.runs.processes import configure

            configure(self.process, devices)

    def _devices(self) -> int | None:
        return None

    @property
    def is_first(self) -> bool:
        """Whether this process prints and writes; the others are done when their work is."""
        if self.process is None:
            return True
        from cevnsjax.inference.runs.processes import this_process

        return this_process()[0] == 0


@dataclass(frozen=True, kw_only=True)
class RunOptions(RunFolder):
    """A run folder, and the devices that the work is spread over."""

    devices: Annotated[int | None, "Devices that share the work."] = None

    def _devices(self) -> int | None:
        return self.devices
