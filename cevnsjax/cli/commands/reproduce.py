"""The reproduce command: published numbers beside computed ones, as tables, JSON and a page."""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cevnsjax.cli.options import Words
from cevnsjax.cli.run_options import RunFolder
from cevnsjax.cli.sink import Sink, table
from cevnsjax.core.errors import InputError

if TYPE_CHECKING:
    from cevnsjax.reproduce.paper import Paper


@dataclass(frozen=True)
class ReproduceRequest:
    """Which papers, how much of them, and the folders for figures and report."""

    names: Annotated[Words, "Papers, e.g. papoulias2020; see --list."] = ()
    _: KW_ONLY
    everything: Annotated[bool, "Every paper."] = False
    quick: Annotated[bool, "Only rows that take seconds."] = False
    listing: Annotated[bool, "Papers and groups of rows; computes nothing."] = False
    figures: Annotated[Path | None, "Draw the papers' figures into a folder."] = None
    report: Annotated[
        Path | None, "Rows and figures on one page, HTML and Markdown, in a folder."
    ] = None
    beyond: Annotated[bool, "All results beyond the papers, minutes; in --all --report."] = False

    @property
    def command(self) -> str:
        """The command that makes the same report."""
        names = ["--all"] if self.everything else self.names
        quick = ["--quick"] if self.quick else []
        beyond = ["--beyond"] if self.beyond else []
        return f"cevnsjax reproduce {' '.join([*names, *quick, *beyond])} --report DIR"

    def papers(self) -> "list[Paper]":
        """The papers that are asked for; options that contradict each other are refused."""
        from cevnsjax.reproduce.catalogue import PAPERS, paper_of

        everything = self.everything or (self.listing and not self.names)
        if everything and self.names:
            raise InputError(f"--all means every paper; leave {', '.join(self.names)} or --all out")
        if self.beyond and self.quick:
            raise InputError("--beyond takes minutes; leave it or --quick out")
        if not everything and not self.names and not self.beyond:
            raise InputError(f"name papers or pass --all; known: {', '.join(PAPERS)}")
        return [paper_of(name) for name in dict.fromkeys(PAPERS if everything else self.names)]


def reproduce(request: ReproduceRequest, *, run: RunFolder, sink: Sink) -> None:
    """Compute numbers that papers print and compare, row by row.

    Each row says what it rests on besides the paper. Exit status 1 if a
    row or a variant differs. With --folder the rows are kept there, and
    processes share them; the first one draws and writes.
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
