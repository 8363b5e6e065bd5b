"""Figures, the report and results beyond the papers, as the reproduce command makes them."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure

from cevnsjax.cli.commands.reproduce_request import ReproduceRequest
from cevnsjax.cli.sink import Sink
from cevnsjax.core.files import make_folder
from cevnsjax.inference.progress import say
from cevnsjax.plots import save
from cevnsjax.reproduce.beyond import SECTIONS
from cevnsjax.reproduce.catalogue import Paper
from cevnsjax.reproduce.figures import figures_of
from cevnsjax.reproduce.report import Report
from cevnsjax.reproduce.rows import Row

_SUFFIXES = (".pdf", ".png")


class Pages:
    """Figures and report, each written to its folder as soon as it is drawn.

    Args:
        request: What is asked for; its folders are made.
        sink: Where results go.
    """

    def __init__(self, request: ReproduceRequest, sink: Sink) -> None:
        self._request, self._sink = request, sink
        self._report: Report | None = None
        for folder in request.folders:
            make_folder(folder)
        if request.report is not None:
            self._report = Report(request.report, request.command, sink.overwrite)

    def paper(
        self,
        paper: Paper,
        groups: Sequence[tuple[str, Sequence[Row]]],
        records: list[dict[str, Any]],
        texts: Iterable[str],
    ) -> None:
        """Add the rows and figures of a paper.

        Args:
            paper: The paper.
            groups: Names of groups and their rows.
            records: All rows as plain data.
            texts: What belongs below them.
        """
        if self._report is not None:
            self._report.paper(paper, groups, records, texts)
        if not self._request.folders:
            return
        quick = self._request.quick
        figures = [f for f in figures_of(paper.name) if f.cost == "quick" or not quick]
        for k, figure in enumerate(figures, start=1):
            say(f"{paper.name} figure {k}/{len(figures)}: {figure.title}")
            drawn = figure.draw()
            if self._report is not None:
                self._report.figure(paper, figure, drawn)
            self._save(f"{paper.name}_{figure.name}", drawn)

    def _save(self, stem: str, drawn: Figure) -> None:
        folder = self._request.figures
        if folder is not None:
            for suffix in _SUFFIXES:
                save(drawn, folder / f"{stem}{suffix}", overwrite=self._sink.overwrite)

    def finish(self) -> list[dict[str, Any]]:
        """Compute what goes beyond the papers, if it is asked for, and write the report.

        Returns:
            Results beyond the papers as plain data.
        """
        request, results = self._request, []
        whole_report = request.everything and self._report is not None
        for section in SECTIONS if request.beyond or whole_report else ():
            if section.cost == "slow" and request.quick:
                continue
            say(f"beyond the papers: {section.title}")
            result = section.compute()
            tables = [
                {"title": t.title, "columns": t.columns, "rows": t.rows} for t in result.tables
            ]
            results.append({"name": section.name, "title": section.title, "tables": tables})
            for table in result.tables:
                self._sink.echo(f"### {section.title}: {table.title}\n\n{table.markdown()}")
            if self._report is not None:
                self._report.section(section, result)
            for name, drawn in result.figures.items():
                self._save(f"{section.name}_{name}", drawn)
        if self._report is not None:
            for path in self._report.write():
                self._sink.say(f"wrote {path}")
        if request.figures is not None:
            self._sink.say(f"wrote figures to {request.figures}")
        return results
