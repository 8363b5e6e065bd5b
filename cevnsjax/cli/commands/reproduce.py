"""The reproduce command: published numbers beside computed ones, as tables, JSON and a page."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from cevnsjax.cli.commands.reproduce_request import ReproduceRequest
from cevnsjax.cli.run_options import RunFolder
from cevnsjax.cli.sink import Sink, table
from cevnsjax.core.files import check_folder
from cevnsjax.inference.progress import say

if TYPE_CHECKING:
    from cevnsjax.cli.commands.reproduce_pages import Pages
    from cevnsjax.reproduce.catalogue import Paper
    from cevnsjax.reproduce.rows import Row

# Rows of each group left out by --quick that text names; JSON names all.
_MAX_NAMES = 2


def reproduce(request: ReproduceRequest, *, run: RunFolder, sink: Sink) -> None:
    """Compute numbers that papers print and compare, row by row.

    Exit status 1 if a row that counts differs. With --folder the rows are
    kept there, and processes share them; the first one draws and writes.
    """
    papers = request.papers()
    if request.listing:
        _list(papers, sink)
        return
    for folder in request.folders:
        check_folder(folder, overwrite=sink.overwrite)
    run.begin()
    from cevnsjax.reproduce.computing import computed, groups_of
    from cevnsjax.reproduce.records import fails

    rows = computed(
        groups_of(papers, quick=request.quick), say, folder=run.folder, resume=run.resume
    )
    if not run.is_first:
        list(rows)
        return
    from cevnsjax.cli.commands.reproduce_pages import Pages

    pages = Pages(request, sink)
    results = [_compute(paper, rows, request, sink, pages) for paper in papers]
    _deliver(results, pages.finish(), sink)
    differing = [r["id"] for result in results for r in result["rows"] if fails(r)]
    if differing:
        sink.say(f"differs: {', '.join(differing)}")
        raise typer.Exit(1)


def _deliver(results: list[dict[str, Any]], beyond: list[dict[str, Any]], sink: Sink) -> None:
    """Print and write the results of the papers, and those beyond them."""
    from cevnsjax.reproduce.records import counts, summary

    total = counts([record for result in results for record in result["rows"]])
    lines = [summary(result["paper"], result["counts"]) for result in results]
    lines += [summary("all", total)] if len(results) > 1 else []
    whole = results[0] if len(results) == 1 else {"papers": results, "counts": total}
    sink.deliver({**whole, "beyond": beyond} if beyond else whole, "\n".join(lines))


def _list(papers: "Iterable[Paper]", sink: Sink) -> None:
    from cevnsjax.reproduce.beyond import SECTIONS
    from cevnsjax.reproduce.rows import published

    descriptions, lines = [], []
    for paper in papers:
        rows = published(paper.name).values()
        groups = [
            {"name": g.name, "cost": g.cost, "rows": sum(map(g.holds, rows))} for g in paper.groups
        ]
        descriptions.append({**_head(paper), "groups": groups})
        lines += [(paper.name, g["name"], str(g["rows"]), g["cost"]) for g in groups]
    beyond = [{"name": s.name, "title": s.title, "cost": s.cost} for s in SECTIONS]
    lines += [("--beyond", s["title"], "-", s["cost"]) for s in beyond]
    text = table("papers", ("paper", "detail", "rows", "cost"), lines)
    sink.deliver({"papers": descriptions, "beyond": beyond}, text)


def _head(paper: "Paper") -> dict[str, Any]:
    return {"paper": paper.name, "title": paper.title, "reference": paper.reference}


def _compute(
    paper: "Paper",
    computed: "Iterator[list[Row]]",
    request: ReproduceRequest,
    sink: Sink,
    pages: "Pages",
) -> dict[str, Any]:
    """A paper's rows as plain data; text shows every group as soon as it is done."""
    from cevnsjax.reproduce import records as plain
    from cevnsjax.reproduce.rows import markdown, reasons_of

    sink.echo(f"## {paper.name}\n\n{paper.title}. {paper.reference}\n")
    chosen, groups, texts = paper.chosen(quick=request.quick), [], []
    for group in chosen:
        rows = next(computed)
        groups.append((group.name, rows))
        sink.echo("\n".join([f"### {group.name}\n", markdown(rows), reasons_of(rows)]))
    wordless = sink.as_json and request.report is None
    for supplement in () if wordless else paper.supplements:
        if supplement.cost == "quick" or not request.quick:
            say(f"{paper.name}: below the rows")
            texts.append(supplement.text())
            sink.echo(texts[-1])
    all_rows = [row for _, rows in groups for row in rows]
    missing = paper.missing(all_rows, chosen)
    if missing:
        texts.append(plain.not_computed(missing, _MAX_NAMES if request.quick else len(missing)))
        sink.echo(texts[-1])
    records = [plain.record_of(row) for row in all_rows]
    records += [plain.record_of_missing(row, reason) for row, reason in missing]
    pages.paper(paper, groups, records, texts)
    return {**_head(paper), "counts": plain.counts(records), "rows": records}
