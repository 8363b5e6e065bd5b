"""Progress on stderr for loops that turn out to take longer than two seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

_PATIENCE_S = 2.0


def track(items: Sequence[Any], what: str) -> Iterator[Any]:
    """Iterate, showing a bar with rate and time left once two seconds have passed.

    Args:
        items: What to go through.
        what: Words beside the bar.
    """
    started, total = time.monotonic(), len(items)
    bar = task = None
    try:
        for done, item in enumerate(items):
            if bar is None and time.monotonic() - started > _PATIENCE_S:
                bar, task = _bar(what, total)
            if bar is not None and task is not None:
                bar.update(task, completed=done)
            yield item
    finally:
        if bar is not None:
            bar.stop()


def _bar(what: str, total: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    console = Console(stderr=True)
    # Where nothing can be drawn over, a bar would leave lines behind.
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.start()
    return bar, bar.add_task(what, total=total)
