"""Progress on stderr for loops that turn out to take longer than two seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

_PATIENCE_S = 2.0
# Where nothing can be drawn over there are lines instead, this far apart.
_BETWEEN_LINES_S = 60.0


def track(items: Sequence[Any], what: str) -> Iterator[Any]:
    """Iterate, showing a bar with rate and time left once two seconds have passed.

    Where stderr is no terminal, as in logs of batch systems, a line a minute says the same.

    Args:
        items: What to go through.
        what: Words beside the bar.
    """
    started, total = time.monotonic(), len(items)
    said = started
    bar = task = None
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if bar is None and now - started > _PATIENCE_S:
                bar, task = _bar(what, total)
            if bar is not None and task is not None:
                bar.update(task, completed=done)
                if not bar.console.is_terminal and now - said > _BETWEEN_LINES_S:
                    said = now
                    bar.console.out(line(what, done, total, now - started), highlight=False)
            yield item
    finally:
        if bar is not None:
            bar.stop()


def say(text: str) -> None:
    """A line on stderr.

    Args:
        text: The line.
    """
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


def line(what: str, done: int, total: int, elapsed_s: float) -> str:
    """How far something is, in words.

    Args:
        what: What is done.
        done: Number of pieces that are done.
        total: Number of all pieces.
        elapsed_s: Since the first was begun [s].
    """
    text = f"{what}: {done} of {total} after {elapsed_s:.0f} s"
    return f"{text}, {elapsed_s * (total - done) / done:.0f} s left" if done else text


def _bar(what: str, total: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    console = Console(stderr=True)
    # Where nothing can be drawn over, a bar would leave lines behind.
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.start()
    return bar, bar.add_task(what, total=total)
