"""Which of several processes this is, and how many devices it uses.

Blocks of a run are shared out by process number; processes never talk to each other, so that one
that is lost takes no other with it.
"""

from contextlib import suppress
from typing import Any

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.devices import use

_MOST_DEVICES = 4096
_place: dict[str, tuple[int, int]] = {}


def place() -> tuple[int, int]:
    """Number of this process and how many there are; jax's where ``start`` was not told."""
    import jax

    return _place.get("of this process") or (jax.process_index(), jax.process_count())


def start(process: str | None = None, devices: Any = None) -> None:
    """Say which process this is and what it uses, before jax's first computation.

    Args:
        process: "K/N" for process K = 0, 1, ... of N, or "auto" to ask the launcher (SLURM,
            Kubernetes, Open MPI) by ``jax.distributed.initialize``.
        devices: GPUs, or threads of the CPU where there is no GPU, that evaluations at many points
            are spread over; results do not depend on it.

    Raises:
        InputError: At other words, where there is no launcher, or fewer devices.
    """
    if devices is not None:
        whole_number("devices", devices, 1, _MOST_DEVICES)
    numbered = None if process in (None, "auto") else _numbered(process)
    import jax

    if devices is not None:
        # Once jax has begun it keeps as many as it has.
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", devices)
    if process is not None:
        _place["of this process"] = numbered or _asked_of_the_launcher()
    if devices is not None:
        there = len(jax.local_devices())
        if there < devices:
            raise InputError(
                f"{devices} devices are asked for and {there} of kind {jax.default_backend()} are "
                "there; ask for no more, and before the first computation"
            )
        use(devices)


def _numbered(words: str) -> tuple[int, int]:
    parts = words.split("/")
    if len(parts) == 2 and all(p.isdecimal() for p in parts):
        index, count = (int(p) for p in parts)
        if index < count:
            return index, count
    raise InputError(
        f"process {words!r} should read K/N with K from 0 to N - 1, e.g. 0/4, or auto for what "
        "SLURM, Kubernetes or Open MPI says"
    )


def _asked_of_the_launcher() -> tuple[int, int]:
    import jax
    from jax.extend.backend import clear_backends

    try:
        jax.distributed.initialize()
        found = jax.process_index(), jax.process_count()
        # Numbers are all that is wanted: nobody should wait for, or fall with, another process.
        jax.distributed.shutdown()
        clear_backends()
    except (ValueError, RuntimeError) as problem:
        raise InputError(
            f"no launcher says which process this is ({str(problem).splitlines()[0]}); say it "
            "yourself: K/N, e.g. 0/4"
        ) from None
    return found
