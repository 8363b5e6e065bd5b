"""Progress on stderr for loops that turn out to take longer than two seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Time until a bar is shown; time between lines on a stderr that is not a terminal.
_PATIENCE_S, _BETWEEN_LINES_S = 2.0, 60.0

Item = TypeVar("Item")


def track(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Iterate, showing a bar with rate and time left once two seconds have passed.

    Where stderr is not a terminal, as in logs of batch systems, a line a minute says the same.
    """
    started, total = time.monotonic(), len(items)
    last_line = started
    bar = task = None
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if bar is None and now - started > _PATIENCE_S:
                bar, task = _bar(what, total)
            if bar is not None and task is not None:
                bar.update(task, completed=done)
                if not bar.console.is_terminal and now - last_line > _BETWEEN_LINES_S:
                    last_line = now
                    bar.console.out(line(what, done, total, now - started), highlight=False)
            yield item
    finally:
        if bar is not None:
            bar.stop()


def say(text: str) -> None:
    """Print a line on stderr."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


def line(what: str, done: int, total: int, elapsed_s: float) -> str:
    """Progress in words."""
    text = f"{what}: {done} of {total} after {elapsed_s:.0f} s"
    return f"{text}, {elapsed_s * (total - done) / done:.0f} s left" if done else text


def _bar(what: str, total: int) -> tuple["Progress", "TaskID"]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    console = Console(stderr=True)
    # On a stderr that is not a terminal a bar would leave lines behind.
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.start()
    return bar, bar.add_task(escape(what), total=total)
