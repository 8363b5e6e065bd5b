"""Groups of rows computed one after the other, or kept in a run that processes share."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from cevnsjax.core.plain import digest, to_plain
from cevnsjax.inference.runs.blocks import block_ranges, compute_or_read
from cevnsjax.inference.runs.run import Run
from cevnsjax.reproduce.catalogue import Group, Paper
from cevnsjax.reproduce.records import from_text, to_text
from cevnsjax.reproduce.rows import Row, published

Piece = tuple[Paper, Group]


def groups_of(papers: Sequence[Paper], *, quick: bool) -> list[Piece]:
    """Groups of papers in their order.

    Args:
        papers: The papers.
        quick: Only those that are done in seconds.
    """
    return [(paper, group) for paper in papers for group in paper.chosen(quick=quick)]


def computed(
    pieces: Sequence[Piece],
    say: Callable[[str], None],
    *,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Iterator[list[Row]]:
    """Rows of each group, in order; with a folder, all of them once all are there.

    Args:
        pieces: Groups with their papers.
        say: Told what begins.
        folder: Keep rows here, so that the work can be interrupted and shared out among processes.
        resume: Go on with the run in ``folder``.

    Raises:
        InputError: At a folder that holds another run.
        RunError: If the folder is in use, or cannot be written any more.
    """

    def rows(k: int) -> list[Row]:
        paper, group = pieces[k]
        own = [g for p, g in pieces if p is paper]
        say(f"{paper.name} {own.index(group) + 1}/{len(own)}: {group.name}")
        return list(group.compute())

    if folder is None:
        yield from map(rows, range(len(pieces)))
        return
    papers = {paper.name: published(paper.name) for paper, _ in pieces}
    asked = {
        "command": "reproduce",
        "groups": [f"{paper.name}: {group.name}" for paper, group in pieces],
        "published": digest(to_plain(papers)),
    }
    blocks = block_ranges(len(pieces))
    with Run(folder, asked, len(blocks), resume=resume) as run:
        parts = compute_or_read(
            run,
            lambda k: {"rows": np.array([to_text(rows(k))])},
            len(pieces),
            "rows",
            parallel=False,
        )
        texts = [text for part in parts for text in part["rows"].tolist()]
    yield from map(from_text, texts)
