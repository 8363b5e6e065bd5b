"""Entry point: errors that a user can mend become one line and exit status 2."""

import errno
import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from cevnsjax.cli.app import app
from cevnsjax.cli.options import Interrupted
from cevnsjax.core.disk.temporary_files import delete_unfinished
from cevnsjax.core.errors import CevnsjaxError
from cevnsjax.core.text import printable, shortened

_LONGEST = 2000
_INTERRUPTED = 130
"""Exit status after Ctrl-C."""
_OUTPUT_ERRORS = (errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF)
_NOTHING_KEPT = (
    "nothing is kept; toys, feldman-cousins, scan, sample and reproduce keep their work with "
    "--folder FOLDER, to go on with --resume"
)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Characters that a terminal does not know, and bytes of names that are not text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except CevnsjaxError as problem:
        _stop(str(problem), 2)
    # A full disk, a pipe that was closed, a cache without rights: whatever the system refuses.
    except OSError as problem:
        _stop(f"{_place_of(problem)}{problem.strerror or problem}", 2)
    except MemoryError as problem:
        _stop(f"out of memory: {problem}; ask for less", 2)
    except Interrupted as problem:
        _stop(f"interrupted; {'; '.join(problem.args) or _NOTHING_KEPT}", _INTERRUPTED)
    except KeyboardInterrupt:
        _stop("interrupted", _INTERRUPTED)
    except Exception as problem:
        # Errors of the command-line parser, whose classes are not public.
        if type(problem).__name__ == "Abort":
            _stop("interrupted", _INTERRUPTED)
        if type(problem).__name__ == "NoArgsIsHelpError":
            sys.exit(2)
        if not hasattr(problem, "format_message"):
            if place := _users_line(problem):
                _stop(f"{place}: {type(problem).__name__}: {str(problem).splitlines()[0]}", 2)
            raise
        _stop(f"{problem.format_message()} See cevnsjax --help.", 2)  # pyright: ignore[reportAttributeAccessIssue]
    else:
        if status == _INTERRUPTED:
            _stop("interrupted", _INTERRUPTED)
        sys.exit(status if isinstance(status, int) else 0)


def _place_of(problem: OSError) -> str:
    """Where the system refused something: a file, or standard output."""
    if problem.filename is not None:
        return f"{problem.filename}: "
    if problem.errno not in _OUTPUT_ERRORS:
        return ""
    # Otherwise the same error follows as the program ends.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return "standard output: "


def _users_line(problem: Exception) -> str:
    """The line that failed in a file of the user, such as an interaction; "" elsewhere."""
    inside = (str(Path(__file__).parents[1]), sys.prefix, sys.base_prefix, "<")
    lines = [
        f"{f.filename} line {f.lineno}"
        for f in traceback.extract_tb(problem.__traceback__)
        if not str(Path(f.filename).resolve()).startswith(inside)
        and f.filename.endswith(".py")
        and "site-packages" not in f.filename
    ]
    return lines[-1] if lines else ""


def _stop(message: str, status: int) -> None:
    line = shortened(printable(" ".join(message.split())), _LONGEST)
    print(f"cevnsjax: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


def run() -> None:
    """``main`` for a process of its own: after Ctrl-C it ends at once."""
    try:
        main()
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            # Threads may compute for minutes yet, and jax does not bear it to be cleared away then.
            sys.stderr.flush()
            delete_unfinished()
            os._exit(_INTERRUPTED)
        raise


if __name__ == "__main__":
    run()
