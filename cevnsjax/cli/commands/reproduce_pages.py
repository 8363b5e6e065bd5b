"""Figures, the report and results beyond the papers, as the reproduce command makes them."""

from collections.abc import Iterable, Sequence
from typing import Any

from cevnsjax.cli.commands.reproduce import ReproduceRequest, echo
from cevnsjax.cli.sink import Sink
from cevnsjax.core.files import make_folder
from cevnsjax.inference.progress import say
from cevnsjax.plots import save
from cevnsjax.reproduce.beyond import SECTIONS
from cevnsjax.reproduce.catalogue import Paper
from cevnsjax.reproduce.figures import figures_of
from cevnsjax.reproduce.report import Report
from cevnsjax.reproduce.rows import Row

_ENDINGS = (".pdf", ".png")


class Pages:
    """What goes to folders, written as soon as it is there."""

    def __init__(self, wanted: ReproduceRequest, sink: Sink) -> None:
        """Make the folders.

        Args:
            wanted: What is asked for.
            sink: Where results go.
        """
        self._wanted, self._sink = wanted, sink
        self._report: Report | None = None
        for folder in (wanted.figures, wanted.report):
            if folder is not None:
                make_folder(folder)
        if wanted.report is not None:
            self._report = Report(wanted.report, wanted.command, sink.overwrite)

    def paper(
        self,
        paper: Paper,
        groups: Sequence[tuple[str, Sequence[Row]]],
        records: list[dict[str, Any]],
        texts: Iterable[str],
    ) -> None:
        """Rows and figures of a paper.

        Args:
            paper: The paper.
            groups: Names of groups and their rows.
            records: All rows as plain data.
            texts: What belongs below them.
        """
        if self._report is not None:
            self._report.paper(paper, groups, records, texts)
        if self._report is None and self._wanted.figures is None:
            return
        figures = figures_of(paper.name)
        chosen = [f for f in figures if f.cost == "quick" or not self._wanted.quick]
        for k, about in enumerate(chosen, start=1):
            say(f"{paper.name} figure {k}/{len(chosen)}: {about.title}")
            drawn = about.draw()
            if self._report is not None:
                self._report.figure(paper, about, drawn)
            self._save(f"{paper.name}_{about.name}", drawn)

    def _save(self, stem: str, drawn: Any) -> None:
        folder = self._wanted.figures
        if folder is not None:
            for ending in _ENDINGS:
                save(drawn, folder / f"{stem}{ending}", overwrite=self._sink.overwrite)

    def finish(self) -> list[dict[str, Any]]:
        """Results beyond the papers as plain data, if they are asked for; the report is written."""
        w, out = self._wanted, []
        whole = w.everything and self._report is not None
        chosen = SECTIONS if w.beyond or whole else ()
        for about in chosen:
            if about.cost == "slow" and w.quick:
                continue
            say(f"beyond the papers: {about.title}")
            result = about.compute()
            tables = [
                {"title": t.title, "columns": t.columns, "rows": t.rows} for t in result.tables
            ]
            out.append({"name": about.name, "title": about.title, "tables": tables})
            for table in result.tables:
                echo(self._sink, f"### {about.title}: {table.title}\n\n{table.markdown()}")
            if self._report is not None:
                self._report.section(about, result)
            for name, drawn in result.figures.items():
                self._save(f"{about.name}_{name}", drawn)
        if self._report is not None:
            for path in self._report.write():
                self._sink.say(f"wrote {path}")
        if w.figures is not None:
            self._sink.say(f"wrote figures to {w.figures}")
        return out
