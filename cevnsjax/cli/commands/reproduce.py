"""The reproduce command: published numbers beside computed ones, as tables, JSON and a page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cevnsjax.cli.commands.system import prepare, say_table
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError
from cevnsjax.core.files import check_folder
from cevnsjax.inference.progress import say
from cevnsjax.reproduce.catalogue import PAPERS, Paper, paper_of
from cevnsjax.reproduce.records import (
    counts,
    fails,
    not_computed,
    record_of,
    record_of_missing,
    summary,
)
from cevnsjax.reproduce.rows import Row, markdown, published, reasons_of

# Rows of each group left out by --quick that text names; JSON names all.
_MOST_NAMES = 2


@dataclass(frozen=True)
class ReproduceRequest:
    """What the command line asks for.

    Attributes:
        names: Papers.
        everything: All papers instead.
        quick: Only what is done in seconds.
        listing: Say what there is, and compute nothing.
        figures: Folder for the papers' figures, each as .pdf and .png.
        report: Folder for one page of everything.
        beyond: Results beyond the papers too; part of a report of all papers.
    """

    names: Sequence[str]
    everything: bool = False
    quick: bool = False
    listing: bool = False
    figures: Path | None = None
    report: Path | None = None
    beyond: bool = False

    @property
    def command(self) -> str:
        """The command that makes the same."""
        names = ["--all"] if self.everything else list(self.names)
        words = [
            *names,
            *(["--quick"] if self.quick else []),
            *(["--beyond"] if self.beyond else []),
        ]
        return f"cevnsjax reproduce {' '.join(words)} --report DIR"


def reproduce(wanted: ReproduceRequest, sink: Sink, kept: RunOptions = RunOptions()) -> None:  # noqa: B008
    """Compute, print and count rows; exit status 1 if a primary row differs.

    Args:
        wanted: What is asked for.
        sink: Where results go.
        kept: Folder that rows are kept in, and which process this is.
    """
    papers = _chosen(wanted)
    if wanted.listing:
        _list(papers, sink)
        return
    for folder in (wanted.figures, wanted.report):
        if folder is not None:
            check_folder(folder, overwrite=sink.overwrite)
    prepare()
    kept.begin()
    rows = _rows(papers, wanted, kept)
    if not kept.is_first:
        list(rows)
        return
    from cevnsjax.cli.commands.reproduce_pages import Pages

    pages = Pages(wanted, sink)
    done = [_compute(paper, rows, wanted, sink, pages) for paper in papers]
    records = [record for paper in done for record in paper["rows"]]
    total = counts(records)
    ends = [summary(paper["paper"], paper["counts"]) for paper in done]
    ends += [summary("all", total)] if len(done) > 1 else []
    several = {"papers": done, "counts": total}
    result = done[0] if len(done) == 1 else several
    beyond = pages.finish()
    sink.deliver({**result, "beyond": beyond} if beyond else result, "\n".join(ends))
    far = [r["id"] for r in records if fails(r)]
    if far:
        sink.say(f"differs: {', '.join(far)}")
        raise typer.Exit(1)


def _chosen(wanted: ReproduceRequest) -> list[Paper]:
    names, everything = wanted.names, wanted.everything or (wanted.listing and not wanted.names)
    if everything and names:
        raise InputError(f"--all means every paper; leave {', '.join(names)} or --all out")
    if wanted.beyond and wanted.quick:
        raise InputError("--beyond takes minutes; leave it or --quick out")
    if not everything and not names and not wanted.beyond:
        raise InputError(f"name papers or pass --all; known: {', '.join(PAPERS)}")
    return [paper_of(name) for name in dict.fromkeys(PAPERS if everything else names)]


def _list(papers: Iterable[Paper], sink: Sink) -> None:
    described, lines = [], []
    for paper in papers:
        known = published(paper.name).values()
        groups = [
            {"name": g.name, "cost": g.cost, "rows": sum(map(g.holds, known))} for g in paper.groups
        ]
        described.append({**_head(paper), "groups": groups})
        lines += [(paper.name, g["name"], str(g["rows"]), g["cost"]) for g in groups]
    from cevnsjax.reproduce.beyond import SECTIONS

    beyond = [{"name": s.name, "title": s.title, "cost": s.cost} for s in SECTIONS]
    lines += [("--beyond", s["title"], "-", s["cost"]) for s in beyond]
    table = say_table("papers", ("paper", "detail", "rows", "cost"), lines)
    sink.deliver({"papers": described, "beyond": beyond}, table)


def _head(paper: Paper) -> dict[str, Any]:
    return {"paper": paper.name, "title": paper.title, "reference": paper.reference}


def _rows(
    papers: Sequence[Paper], wanted: ReproduceRequest, kept: RunOptions
) -> Iterator[list[Row]]:
    """Rows of each group of the papers, as they are computed."""
    from cevnsjax.reproduce.computing import computed, groups_of

    return computed(groups_of(papers, quick=wanted.quick), say, **kept.options)


def _compute(
    paper: Paper, computed: Iterator[list[Row]], wanted: ReproduceRequest, sink: Sink, pages: Any
) -> dict[str, Any]:
    """A paper's rows as plain data; text shows every group as soon as it is done."""
    echo(sink, f"## {paper.name}\n\n{paper.title}. {paper.reference}\n")
    chosen, groups, texts = paper.chosen(quick=wanted.quick), [], []
    for group in chosen:
        found = next(computed)
        groups.append((group.name, found))
        echo(sink, "\n".join([f"### {group.name}\n", markdown(found), reasons_of(found)]))
    wordless = sink.as_json and wanted.report is None
    for supplement in () if wordless else paper.supplements:
        if supplement.cost == "quick" or not wanted.quick:
            say(f"{paper.name}: below the rows")
            texts.append(supplement.text())
            echo(sink, texts[-1])
    rows = [row for _, found in groups for row in found]
    missing = paper.missing(rows, chosen)
    if missing:
        texts.append(not_computed(missing, _MOST_NAMES if wanted.quick else len(missing)))
        echo(sink, texts[-1])
    records = [record_of(row) for row in rows]
    records += [record_of_missing(row, reason) for row, reason in missing]
    pages.paper(paper, groups, records, texts)
    return {**_head(paper), "counts": counts(records), "rows": records}


def echo(sink: Sink, text: str) -> None:
    """Text on stdout, unless that is for JSON.

    Args:
        sink: Where results go.
        text: The text.
    """
    if not sink.as_json:
        typer.echo(text)
