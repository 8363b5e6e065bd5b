"""Groups of rows, computed one after the other or kept in a run that processes share."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cevnsjax.core.plain import digest, to_plain
from cevnsjax.inference.progress import say
from cevnsjax.inference.runs.blocks import block_ranges, compute_or_read
from cevnsjax.inference.runs.run import Run
from cevnsjax.reproduce.paper import Group, Paper
from cevnsjax.reproduce.records import KEPT_FIELDS, from_text, to_text
from cevnsjax.reproduce.rows import Row, published


def rows_by_group(
    papers: Sequence[Paper], *, quick: bool, folder: str | Path | None = None, resume: bool = False
) -> Iterator[list[Row]]:
    """Rows of each group of each paper, in order; with a folder, after all have been computed.

    ``quick`` leaves groups out that take more than seconds; ``folder`` and ``resume`` are those of
    ``cevnsjax.reproduce.run``.
    """
    groups = [(paper, group) for paper in papers for group in paper.chosen(quick=quick)]

    def rows(k: int) -> list[Row]:
        paper, group = groups[k]
        names = [g.name for p, g in groups if p is paper]
        say(f"{paper.name} {names.index(group.name) + 1}/{len(names)}: {group.name}")
        return list(group.compute())

    if folder is None:
        yield from map(rows, range(len(groups)))
        return
    run = Run(folder, _configuration(groups), len(block_ranges(len(groups))), resume=resume)

    def arrays(k: int) -> dict[str, np.ndarray]:
        return {"rows": np.array([to_text(rows(k))])}

    with run:
        parts = compute_or_read(run, arrays, len(groups), "rows", parallel=False)
        texts = [text for part in parts for text in part["rows"].tolist()]
    yield from map(from_text, texts)


def _configuration(groups: Sequence[tuple[Paper, Group]]) -> dict[str, object]:
    """What decides the rows."""
    numbers = {paper.name: published(paper.name) for paper, _ in groups}
    return {
        "command": "reproduce",
        "groups": [f"{paper.name}: {group.name}" for paper, group in groups],
        "published": digest(to_plain(numbers)),
        "fields": list(KEPT_FIELDS),
    }
