"""Which of several processes this is, and how many devices it uses.

Blocks of a run are shared out by process number. Processes never talk to each other, so that one
that is lost takes no other with it.
"""

from contextlib import suppress

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.devices import limit_devices

_MAX_DEVICES = 4096
_numbers: dict[str, tuple[int, int]] = {}


def this_process() -> tuple[int, int]:
    """Number of this process, and how many there are; jax's unless ``configure`` was told."""
    import jax

    return _numbers.get("this process") or (jax.process_index(), jax.process_count())


def configure(process: str | None = None, devices: object = None) -> None:
    """Say which process this is and what it uses, before jax's first computation.

    Args:
        process: "K/N" for process K = 0, 1, ... of N, or "auto" to ask the launcher (SLURM,
            Kubernetes, Open MPI) by ``jax.distributed.initialize``.
        devices: GPUs, or threads of the CPU where there is no GPU, that evaluations at many points
            are spread over; results do not depend on it.

    Raises:
        InputError: If ``process`` reads otherwise, if no launcher answers, or if there are fewer
            devices.
    """
    limit = None if devices is None else whole_number("devices", devices, 1, _MAX_DEVICES)
    numbers = None if process in (None, "auto") else _parsed(process)
    import jax

    if limit is not None:
        # Once jax has begun to compute, it keeps the number of threads it has.
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", limit)
    if process is not None:
        _numbers["this process"] = numbers or _numbers_from_launcher()
    if limit is not None:
        available = len(jax.local_devices())
        if available < limit:
            raise InputError(
                f"{limit} devices are asked for and {available} of kind {jax.default_backend()} "
                "are there; ask for no more, and before the first computation"
            )
        limit_devices(limit)


def _parsed(process: str) -> tuple[int, int]:
    parts = process.split("/")
    if len(parts) == 2 and all(p.isdecimal() for p in parts):
        index, count = (int(p) for p in parts)
        if index < count:
            return index, count
    raise InputError(
        f"process {process!r} should read K/N with K from 0 to N - 1, e.g. 0/4, or auto for what "
        "SLURM, Kubernetes or Open MPI says"
    )


def _numbers_from_launcher() -> tuple[int, int]:
    import jax
    from jax.extend.backend import clear_backends

    try:
        jax.distributed.initialize()
        numbers = jax.process_index(), jax.process_count()
        # Only the numbers are needed: no process should wait for another, or end with it.
        jax.distributed.shutdown()
        clear_backends()
    except (ValueError, RuntimeError) as problem:
        raise InputError(
            f"no launcher says which process this is ({str(problem).splitlines()[0]}); say it "
            "yourself: K/N, e.g. 0/4"
        ) from None
    return numbers
