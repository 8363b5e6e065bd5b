"""One page of everything: Markdown with its figures beside it, and HTML that holds them inside."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from cevnsjax import __version__
from cevnsjax.core.disk.files import write_output
from cevnsjax.plots import save
from cevnsjax.reproduce.beyond import Result, Section
from cevnsjax.reproduce.paper import Paper, PaperFigure
from cevnsjax.reproduce.records import (
    NOT_COMPUTED,
    STANDINGS,
    PaperResult,
    Record,
    counts,
    fails,
    resting,
)
from cevnsjax.reproduce.rows import markdown, markdown_table, reasons_of

MARKDOWN, HTML, FIGURES = "report.md", "report.html", "figures"
"""Files of a report and the folder of its figures."""
_DPI = 130
_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222 } a { color: #0072B2 } img { max-width: 100% }
h2 { border-top: 1px solid #bbb; padding-top: 1rem }
table { border-collapse: collapse; font-size: 13px; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid #ddd; padding: 2px 10px 2px 0 }
td, th { text-align: left; vertical-align: top }
"""
_HEAD = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<title>cevnsjax: published numbers, computed again</title>
"""
_RULE = (
    "A row is *reproduced* within half its last printed digit and *close* within the tolerance "
    "shown: the largest of one unit of the last digit, 2 % of the interval's width and the "
    "distance at which an independent calculation lands; where only the last of these makes it "
    "close, it is *close by the independent reference only*. *Known differs* is what that "
    "calculation misses too, as far as it does."
)
_CHOICES = (
    "A reproduced row confirms its paper only where it is computed as printed. Many rest on a "
    "convention that the paper does not print and that was chosen because it gives the printed "
    "numbers, or on a fitted stand-in for something that is not among the data; the head of each "
    "paper says what these are. A row that rests on several counts for each."
)


@dataclass
class Report:
    """A report that is being written.

    Attributes:
        folder: Folder of the report, which exists.
        command: The command that is named as its author.
        overwrite: Whether existing figures may be replaced.
    """

    folder: Path
    command: str
    overwrite: bool = False
    _parts: list[str] = field(default_factory=list)
    _results: list[PaperResult] = field(default_factory=list)

    def paper(self, result: PaperResult) -> None:
        """Add the rows of a paper."""
        paper = result.paper
        self._results.append(result)
        self._parts.append(paper.heading)
        for name, rows in result.groups:
            self._parts.append(f"### {paper.name}: {name}\n\n{markdown(rows)}")
            self._parts.append(reasons_of(rows))
        self._parts += result.texts

    def figure(self, paper: Paper, about: PaperFigure, drawn: Figure) -> None:
        """Add a figure of a paper."""
        path = self._save(f"{paper.name}_{about.name}", drawn)
        self._parts.append(f"**{about.title}.**\n\n![{about.title}]({path})\n\n{about.caption}\n")

    def section(self, about: Section, result: Result) -> None:
        """Add a result beyond the papers."""
        if not any(part.startswith("## Beyond") for part in self._parts):
            self._parts.append("## Beyond the papers\n")
        self._parts.append(f"### {about.title}\n\n{about.text}\n{result.text}\n")
        for table in result.tables:
            self._parts.append(f"**{table.title}.**\n\n{table.markdown()}")
        for name, drawn in result.figures.items():
            self._parts.append(f"![{about.title}]({self._save(f'{about.name}_{name}', drawn)})\n")

    def _save(self, name: str, drawn: Figure) -> str:
        """Save a figure; its path from the report."""
        folder = self.folder / FIGURES
        folder.mkdir(exist_ok=True)
        path = save(drawn, folder / f"{name}.png", overwrite=self.overwrite, dpi=_DPI)
        return f"{FIGURES}/{path.name}"

    def write(self) -> list[Path]:
        """Write both pages; their paths."""
        text = "\n".join([self._head(), *(p for p in self._parts if p)])
        text = re.sub(r"\n{3,}", "\n\n", text)
        pages = {self.folder / MARKDOWN: text, self.folder / HTML: _html(text, self.folder)}
        for path, page in pages.items():
            write = partial(Path.write_text, data=page, encoding="utf-8")
            write_output(path, write, overwrite=self.overwrite)
        return list(pages)

    def _head(self) -> str:
        every = [record for result in self._results for record in result.records]
        numbers = {result.paper.name: result.counts for result in self._results}
        numbers["all"] = counts(every)
        cells = [[name, *by_kind["primary"].values()] for name, by_kind in numbers.items()]
        choices = markdown_table(
            ("rests on", "primary rows", "of these reproduced"), resting(every)
        )
        return (
            "# Published numbers, computed again\n\n"
            f"Written by `{self.command}`, cevnsjax {__version__}. {_RULE}\n\n"
            f"{markdown_table(['primary rows', *STANDINGS], cells)}\n{_CHOICES}\n\n{choices}\n"
            f"{_differing(every)}"
        )


def _differing(records: Sequence[Record]) -> str:
    """Rows that differ, and primary rows that are known to, one by one."""
    some = any(r["primary"] and r["status"] != NOT_COMPUTED for r in records)
    lines = [
        f"- {r['id']}: published {r['published']}, computed {_short(r['computed'])}; {r['reason']}."
        for r in records
        if fails(r) or (r["primary"] and r["status"] == "known differs")
    ]
    if not lines:
        return "Every primary row that was computed is reproduced or close.\n" if some else ""
    return "Rows that are neither reproduced nor close:\n\n" + "\n".join(lines) + "\n"


def _short(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value or "open")


def _html(text: str, folder: Path) -> str:
    """The page with its figures inside."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark").enable("table").render(text)

    def embedded(image: re.Match[str]) -> str:
        content = base64.b64encode((folder / image[1]).read_bytes()).decode()
        return f'src="data:image/png;base64,{content}"'

    body = re.sub(rf'src="({FIGURES}/[^"]+)"', embedded, body)
    return f"{_HEAD}<style>{_STYLE}</style></head>\n<body>\n{body}</body></html>\n"
