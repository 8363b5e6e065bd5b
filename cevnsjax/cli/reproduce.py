"""The reproduce command: published numbers beside computed ones, as tables and as JSON."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

from cevnsjax.cli.sink import Sink
from cevnsjax.cli.system import prepare, say_table
from cevnsjax.errors import InputError
from cevnsjax.reproduce.papers import PAPERS, Missing, Paper, paper_of
from cevnsjax.reproduce.rows import Published, Row, markdown, published, reasons_of

_STATUSES = ("reproduced", "close", "known differs", "differs", "not computed")
# Rows of each group left out by --quick that text names; JSON names all.
_MOST_NAMES = 2


def reproduce(
    names: Sequence[str], sink: Sink, *, everything: bool, quick: bool, listing: bool
) -> None:
    """Compute, print and count rows; exit status 1 if a primary row differs and none knows why.

    Args:
        names: Papers.
        sink: Where results go.
        everything: All papers instead.
        quick: Only groups of rows that are done in seconds.
        listing: Say what there is, and compute nothing.
    """
    papers = _chosen(names, everything=everything or (listing and not names))
    if listing:
        _list(papers, sink)
        return
    prepare()
    done = [_compute(paper, sink, quick=quick) for paper in papers]
    records = [record for paper in done for record in paper["rows"]]
    total = counts(records)
    several = {"papers": done, "counts": total}
    ends = [summary(paper["paper"], paper["counts"]) for paper in done]
    ends += [summary("all", total)] if len(done) > 1 else []
    sink.deliver(done[0] if len(done) == 1 else several, "\n".join(ends))
    bare = [r["id"] for r in records if _needs_reason(r)]
    if bare:
        sink.say(f"differs without a reason: {', '.join(bare)}")
        raise typer.Exit(1)


def _chosen(names: Sequence[str], *, everything: bool) -> list[Paper]:
    if everything and names:
        raise InputError(f"--all means every paper; leave {', '.join(names)} or --all out")
    if not everything and not names:
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
    table = say_table("papers", ("paper", "detail", "rows", "cost"), lines)
    sink.deliver({"papers": described}, table)


def _head(paper: Paper) -> dict[str, Any]:
    return {"paper": paper.name, "title": paper.title, "reference": paper.reference}


def _compute(paper: Paper, sink: Sink, *, quick: bool) -> dict[str, Any]:
    """A paper's rows as plain data; text shows every group as soon as it is done."""
    rows: list[Row] = []
    _echo(sink, f"## {paper.name}\n\n{paper.title}. {paper.reference}\n")
    chosen = paper.chosen(quick=quick)
    for k, group in enumerate(chosen, start=1):
        _progress(f"{paper.name} {k}/{len(chosen)}: {group.name}")
        found = group.compute()
        rows += found
        _echo(sink, "\n".join([f"### {group.name}\n", markdown(found), reasons_of(found)]))
    for supplement in () if sink.as_json else paper.supplements:
        if supplement.cost == "quick" or not quick:
            _progress(f"{paper.name}: below the rows")
            _echo(sink, supplement.text())
    missing = paper.missing(rows, chosen)
    if missing:
        _echo(sink, _not_computed(missing, _MOST_NAMES if quick else len(missing)))
    records = [_record(row) for row in rows]
    records += [_record_of_missing(row, reason) for row, reason in missing]
    return {**_head(paper), "counts": counts(records), "rows": records}


def _progress(what: str) -> None:
    """A line on stderr for what begins; bars of what takes long are drawn below it."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(what, markup=False)


def _echo(sink: Sink, text: str) -> None:
    if not sink.as_json:
        typer.echo(text)


def _not_computed(missing: Iterable[Missing], most: int) -> str:
    names: dict[str, list[str]] = {}
    for row, reason in missing:
        names.setdefault(reason, []).append(row.id.partition("/")[2])
    lines = []
    for reason, listed in names.items():
        more = f" and {len(listed) - most} more" if len(listed) > most else ""
        lines.append(f"not computed: {', '.join(listed[:most])}{more} ({reason})\n")
    return "".join(lines)


def _record(row: Row) -> dict[str, Any]:
    p = row.published
    return {
        "id": p.id,
        "published": _plain(p.value),
        "computed": _plain(row.computed),
        "difference": _plain(row.difference),
        "tolerance": _plain(row.tolerance),
        "status": row.status,
        "reason": "" if row.status == "reproduced" else row.reason,
        **_place(p),
    }


def _record_of_missing(row: Published, reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("computed", "difference", "tolerance"))
    values = {"id": row.id, "published": _plain(row.value), **nothing}
    return {**values, "status": "not computed", "reason": reason, **_place(row)}


def _place(row: Published) -> dict[str, Any]:
    return {
        "primary": row.primary,
        "known_differs": row.known_differs,
        "where": row.where,
        "unit": row.unit,
    }


def _plain(value: Any) -> Any:
    """Numbers and intervals as JSON has them; null for an open end and for what is no number."""
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return float(value) if math.isfinite(value) else None


def counts(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many rows have each status, primary rows and variants apart.

    Rows that an independent reference misses too do not count as close, however near they are.

    Args:
        records: Rows as plain data.
    """
    found = Counter((bool(r["primary"]), _counted_as(r)) for r in records)
    kinds = {"primary": True, "variants": False}
    return {
        kind: {status: found[primary, status] for status in _STATUSES}
        for kind, primary in kinds.items()
    }


def _counted_as(record: Mapping[str, Any]) -> str:
    known = record["known_differs"] and record["status"] == "close"
    return "known differs" if known else record["status"]


def summary(name: str, counted: Mapping[str, Mapping[str, int]]) -> str:
    """One line that says how many rows have each status.

    Args:
        name: What the rows belong to.
        counted: What ``counts`` gave.
    """
    parts = []
    for kind, by_status in counted.items():
        number = sum(by_status.values())
        shown = [f"{n} {status}" for status, n in by_status.items() if n]
        if number or kind == "primary":
            parts.append(f"{number} {kind}: {', '.join(shown)}")
    return f"{name}: {'; '.join(parts)}"


def _needs_reason(record: Mapping[str, Any]) -> bool:
    return record["primary"] and record["status"] == "differs" and not record["reason"]
