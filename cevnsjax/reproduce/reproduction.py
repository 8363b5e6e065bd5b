"""Published numbers beside computed ones: what ``cevnsjax reproduce`` does, as a function."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cevnsjax.core.disk.files import check_folder, make_folder
from cevnsjax.inference.progress import say
from cevnsjax.reproduce.beyond import SECTIONS, Result, Section
from cevnsjax.reproduce.catalogue import PAPERS, paper_of
from cevnsjax.reproduce.computing import rows_by_group
from cevnsjax.reproduce.paper import Cost, Paper
from cevnsjax.reproduce.records import PaperResult, Record, counts, fails, not_computed, summary
from cevnsjax.reproduce.rows import Row, markdown, reasons_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cevnsjax.reproduce.report import Report

_SUFFIXES = (".pdf", ".png")
# Rows of each group left out by ``quick`` that the text names; ``rows`` and JSON have all.
_MAX_NAMES = 2


@dataclass(frozen=True)
class Reproduction:
    """Papers' numbers, computed again.

    Attributes:
        papers: What was computed of each paper.
        beyond: Results beyond the papers, each with its section.
        files: Pages that were written.
    """

    papers: tuple[PaperResult, ...]
    beyond: tuple[tuple[Section, Result], ...]
    files: tuple[Path, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows that were computed."""
        return [row for result in self.papers for row in result.rows]

    @property
    def differing(self) -> list[str]:
        """Names of the rows that differ, variants among them."""
        return [str(r["id"]) for r in self._records if fails(r)]

    @property
    def _records(self) -> list[Record]:
        return [record for result in self.papers for record in result.records]

    def summary(self) -> str:
        """How many rows have each standing: a line for each paper, and one for all."""
        lines = [summary(result.paper.name, result.counts) for result in self.papers]
        return "\n".join(lines + [summary("all", counts(self._records))] * (len(lines) > 1))

    def to_dict(self) -> dict[str, object]:
        """Everything as plain data: rows by paper, how many have each standing, tables beyond."""
        if len(self.papers) == 1:
            whole = self.papers[0].to_dict()
        else:
            papers = [result.to_dict() for result in self.papers]
            whole = {"papers": papers, "counts": counts(self._records)}
        if self.beyond:
            whole["beyond"] = [_beyond_dict(section, result) for section, result in self.beyond]
        return whole

    def to_json(self) -> str:
        """``to_dict()`` as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)


def _beyond_dict(section: Section, result: Result) -> dict[str, object]:
    tables = [{"title": t.title, "columns": t.columns, "rows": t.rows} for t in result.tables]
    return {"name": section.name, "title": section.title, "tables": tables}


def run(
    papers: str | Iterable[str] | None = None,
    *,
    quick: bool = False,
    figures: str | Path | None = None,
    report: str | Path | None = None,
    beyond: bool = False,
    overwrite: bool = False,
    folder: str | Path | None = None,
    resume: bool = False,
    show: Callable[[str], None] | None = None,
    command: str = "cevnsjax.reproduce.run",
) -> Reproduction:
    """Compute the numbers that papers print and compare them row by row; needs float64.

    Args:
        papers: Names of papers, see ``cevnsjax.reproduce.PAPERS``; all if None.
        quick: Compute only what is done in seconds.
        figures: Folder for the papers' figures, each as .pdf and .png.
        report: Folder for one page of rows and figures, as Markdown and as HTML.
        beyond: Compute results beyond the papers too; a report of all papers always has them.
        overwrite: Whether files in these folders may be replaced.
        folder: Keep rows here, so that the work can be interrupted and shared out among processes.
        resume: Go on with the run in ``folder``.
        show: Called with text in Markdown as soon as a group of rows is done, e.g. ``print``.
        command: What the report names as its author.

    Returns:
        Rows by paper, with the status of each; results beyond the papers; files.

    Raises:
        UnknownNameError: At an unknown paper.
        InputError: If a folder cannot be used.
        RunError: If the folder of the rows is in use, or cannot be written any more.

    Examples:
        >>> reproduction = cj.reproduce.run("papoulias_kosmas2019")
        >>> {row.published.id: row.status for row in reproduction.rows}
        {'papoulias_kosmas2019/s2w_bf': 'close', 'papoulias_kosmas2019/s2w90': 'close'}
    """
    names = PAPERS if papers is None else [papers] if isinstance(papers, str) else papers
    chosen = [paper_of(name) for name in dict.fromkeys(names)]
    for place in (figures, report):
        if place is not None:
            check_folder(place, overwrite=overwrite)
    computed = rows_by_group(chosen, quick=quick, folder=folder, resume=resume)
    writer = _Writer(figures, report, overwrite, command, quick)
    tell = show or (lambda _: None)
    with_texts = show is not None or report is not None
    results = []
    for paper in chosen:
        results.append(_compute(paper, computed, quick, tell, with_texts))
        writer.paper(results[-1])
    whole_report = papers is None and report is not None
    results_beyond = []
    for section in SECTIONS if beyond or whole_report else ():
        if not _is_wanted(section.cost, quick):
            continue
        say(f"beyond the papers: {section.title}")
        result = section.compute()
        results_beyond.append((section, result))
        for table in result.tables:
            tell(f"### {section.title}: {table.title}\n\n{table.markdown()}")
        writer.section(section, result)
    return Reproduction(tuple(results), tuple(results_beyond), tuple(writer.finish()))


def _is_wanted(cost: Cost, quick: bool) -> bool:
    return cost == "quick" or not quick


def _compute(
    paper: Paper,
    computed: Iterator[list[Row]],
    quick: bool,
    show: Callable[[str], None],
    with_texts: bool,
) -> PaperResult:
    """Rows of a paper; every group is shown as soon as it is done."""
    show(paper.heading)
    chosen, groups, texts = paper.chosen(quick=quick), [], []
    for group in chosen:
        rows = next(computed)
        groups.append((group.name, rows))
        show("\n".join([f"### {group.name}\n", markdown(rows), reasons_of(rows)]))
    for supplement in paper.supplements if with_texts else ():
        if _is_wanted(supplement.cost, quick):
            say(f"{paper.name}: below the rows")
            texts.append(supplement.text())
            show(texts[-1])
    missing = paper.missing([row for _, rows in groups for row in rows], chosen)
    if missing:
        texts.append(not_computed(missing, _MAX_NAMES if quick else len(missing)))
        show(texts[-1])
    return PaperResult(paper, groups, missing, texts)


class _Writer:
    """Figures and the report, written as soon as what they show has been computed."""

    def __init__(
        self,
        figures: str | Path | None,
        report: str | Path | None,
        overwrite: bool,
        command: str,
        quick: bool,
    ) -> None:
        self._figures = None if figures is None else Path(figures)
        self._overwrite, self._quick = overwrite, quick
        self._report: Report | None = None
        if self._figures is not None:
            make_folder(self._figures)
        if report is not None:
            from cevnsjax.reproduce import report as pages

            make_folder(Path(report))
            self._report = pages.Report(Path(report), command, overwrite)

    def paper(self, result: PaperResult) -> None:
        """Rows and figures of a paper."""
        paper = result.paper
        if self._report is not None:
            self._report.paper(result)
        elif self._figures is None:
            return
        figures = [f for f in paper.figures() if _is_wanted(f.cost, self._quick)]
        for k, figure in enumerate(figures, start=1):
            say(f"{paper.name} figure {k}/{len(figures)}: {figure.title}")
            drawn = figure.draw()
            if self._report is not None:
                self._report.figure(paper, figure, drawn)
            self._save(f"{paper.name}_{figure.name}", drawn)

    def section(self, section: Section, result: Result) -> None:
        """A result beyond the papers."""
        if self._report is not None:
            self._report.section(section, result)
        for name, drawn in result.figures.items():
            self._save(f"{section.name}_{name}", drawn)

    def _save(self, stem: str, drawn: "Figure") -> None:
        if self._figures is not None:
            from cevnsjax.plots import save

            for suffix in _SUFFIXES:
                save(drawn, self._figures / f"{stem}{suffix}", overwrite=self._overwrite)

    def finish(self) -> list[Path]:
        """Write the report; the paths of its pages."""
        return [] if self._report is None else self._report.write()
