"""The reproduce command: published numbers beside computed ones, as tables, JSON and a page."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from cevnsjax.cli.commands.reproduce_request import ReproduceRequest
from cevnsjax.cli.run_options import RunFolder
from cevnsjax.cli.sink import Sink, table

if TYPE_CHECKING:
    from cevnsjax.reproduce.paper import Paper


def reproduce(request: ReproduceRequest, *, run: RunFolder, sink: Sink) -> None:
    """Compute numbers that papers print and compare, row by row.

    Exit status 1 if a row that counts differs. With --folder the rows are
    kept there, and processes share them; the first one draws and writes.
    """
    papers = request.papers()
    if request.listing:
        _list(papers, sink)
        return
    run.begin()
    from cevnsjax.reproduce import reproduction

    writes = run.is_first
    result = reproduction.run(
        None if request.everything else [paper.name for paper in papers],
        quick=request.quick,
        figures=request.figures if writes else None,
        report=request.report if writes else None,
        beyond=request.beyond and writes,
        overwrite=sink.overwrite,
        folder=run.folder,
        resume=run.resume,
        show=sink.echo if writes and not sink.as_json else None,
        command=request.command,
    )
    if not writes:
        return
    for path in result.files:
        sink.say(f"wrote {path}")
    if request.figures is not None:
        sink.say(f"wrote figures to {request.figures}")
    sink.deliver(result.to_dict(), result.summary())
    if result.differing:
        sink.say(f"differs: {', '.join(result.differing)}")
        raise typer.Exit(1)


def _list(papers: "Iterable[Paper]", sink: Sink) -> None:
    from cevnsjax.reproduce.beyond import SECTIONS
    from cevnsjax.reproduce.rows import published

    descriptions, lines = [], []
    for paper in papers:
        rows = published(paper.name).values()
        groups = [
            {"name": g.name, "cost": g.cost, "rows": sum(map(g.holds, rows))} for g in paper.groups
        ]
        head = {"paper": paper.name, "title": paper.title, "reference": paper.reference}
        descriptions.append({**head, "groups": groups})
        lines += [(paper.name, g["name"], str(g["rows"]), g["cost"]) for g in groups]
    beyond = [{"name": s.name, "title": s.title, "cost": s.cost} for s in SECTIONS]
    lines += [("--beyond", s["title"], "-", s["cost"]) for s in beyond]
    text = table("papers", ("paper", "detail", "rows", "cost"), lines)
    sink.deliver({"papers": descriptions, "beyond": beyond}, text)
