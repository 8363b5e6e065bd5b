"""reproduce --figures, --report, --beyond and --folder: files written and options refused."""

import json
import re
import struct
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from cevnsjax.cli import run_options
from cevnsjax.reproduce import computing, reproduction
from cevnsjax.reproduce.beyond import Result, ResultTable, Section
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.paper import Group, Paper, PaperFigure
from cevnsjax.reproduce.rows import compare, published

NAME = "coherent2017"
ALL_PAPERS = tuple(PAPERS)


def drawn():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    return figure


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One paper with a quick row and a slow one, two figures, and one section beyond."""
    first, second = published(NAME).values()
    near, far = compare(first, first.value), compare(second, second.value + 9, reason="a < b")
    groups = (
        Group("events", "quick", ("N_CEvNS",), lambda: [near]),
        Group("strength", "slow", ("significance",), lambda: [far]),
    )
    paper = Paper(NAME, "A title", "A reference", groups)
    for other in ALL_PAPERS:
        monkeypatch.delitem(PAPERS, other)
    monkeypatch.setitem(PAPERS, NAME, paper)
    figures = (
        PaperFigure("fig1", "Fig. 1: one", "What 1 < 2 shows.", drawn),
        PaperFigure("fig2", "Fig. 2: two", "The other.", drawn, "slow"),
    )
    monkeypatch.setattr(Paper, "figures", lambda _: figures)
    table = ResultTable("A table", ("x", "interval"), (("one", [(1.0, 2.0)]),))
    section = Section("extra", "More", "Text.", lambda: Result([table], {"plane": drawn()}), "slow")
    monkeypatch.setattr(reproduction, "SECTIONS", (section,))


class Tags(HTMLParser):
    """Parser that keeps the tags still open, and the sources of images."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.sources.append(dict(attrs)["src"])
        elif tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_figures(run, tmp_path):
    assert run("reproduce", NAME, "--figures", "out").code == 1
    names = {f"{NAME}_fig{k}{ending}" for k in (1, 2) for ending in (".pdf", ".png")}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / f"{NAME}_fig1.pdf").read_bytes().startswith(b"%PDF")
    head = (tmp_path / "out" / f"{NAME}_fig1.png").read_bytes()[:24]
    assert struct.unpack(">II", head[16:]) == (600, 300)
    quick = run("reproduce", NAME, "--quick", "--figures", "few", "--json")
    assert json.loads(quick.out)["paper"] == NAME
    assert len(list((tmp_path / "few").iterdir())) == 2


def test_report(run, tmp_path):
    """The page has every row, figure and section, and the HTML needs no other file."""
    done = run("reproduce", "--all", "--report", "out")
    # The report is written although a row that counts differs.
    assert done.code == 1
    folder = tmp_path / "out"
    text = (folder / "report.md").read_text()
    images = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert images == [f"figures/{NAME}_fig1.png", f"figures/{NAME}_fig2.png",
                      "figures/extra_plane.png"]  # fmt: skip
    assert all((folder / name).stat().st_size > 500 for name in images)
    assert "| coherent2017 | 0 | 1 | 0 | 0 | 0 | 1 | 0 |" in text
    assert "| no smearing | 2 | 1 |" in text
    assert "- *no smearing* (chosen convention): photoelectrons are not smeared" in text
    assert "- coherent2017/significance: published 6.7, computed 15.7; a < b." in text
    assert "| coherent2017/N_CEvNS | 134 | 134 |" in text
    assert "| one | [1, 2] |" in text
    page = Tags()
    page.feed((folder / "report.html").read_text())
    assert page.open == []
    assert len(page.sources) == 3
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in page.sources)
    assert "What 1 < 2 shows." in page.text
    assert "significance" in page.text


def test_quick_report(run, tmp_path):
    assert run("reproduce", "--all", "--quick", "--report", "out").code == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| coherent2017 | 0 | 1 | 0 | 0 | 0 | 0 | 1 |" in text
    assert "not computed: significance" in text
    assert "Every primary row that was computed is reproduced or close." in text
    assert "fig2" not in text
    assert "Beyond" not in text


def test_beyond(run):
    done = run("reproduce", "--beyond", "--json")
    got = json.loads(done.out)
    assert got["papers"] == []
    (section,) = got["beyond"]
    assert section["tables"] == [
        {"title": "A table", "columns": ["x", "interval"], "rows": [["one", [[1.0, 2.0]]]]}
    ]
    assert "| one | [1, 2] |" in run("reproduce", NAME, "--beyond").out
    assert "beyond" not in json.loads(run("reproduce", NAME, "--json").out)


def test_rows_kept_in_a_folder(run, monkeypatch):
    expected = json.loads(run("reproduce", NAME, "--json").out)
    assert json.loads(run("reproduce", NAME, "--json", "--folder", "kept").out) == expected
    paper = PAPERS[NAME]
    never = tuple(
        Group(g.name, g.cost, g.patterns, lambda: pytest.fail("again")) for g in paper.groups
    )
    monkeypatch.setitem(PAPERS, NAME, Paper(NAME, paper.title, paper.reference, never))
    again = run("reproduce", NAME, "--json", "--folder", "kept", "--resume")
    assert json.loads(again.out) == expected
    refused = run("reproduce", NAME, "--folder", "kept")
    assert refused.code == 2
    assert "--resume" in refused.err
    other = run("reproduce", NAME, "--quick", "--folder", "kept", "--resume")
    assert other.code == 2
    assert "holds another run: groups" in other.err
    # Rows that hold less, as those of an earlier version, are not read.
    monkeypatch.setattr(computing, "KEPT_FIELDS", ("id", "computed", "status"))
    earlier = run("reproduce", NAME, "--folder", "kept", "--resume")
    assert earlier.code == 2
    assert "holds another run: fields" in earlier.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--figures full", "folder full is not empty; choose another or pass --overwrite"),
        ("--report full", "folder full is not empty"),
        ("--report none/out", "folder none does not exist"),
        ("--figures file", "file is not a folder"),
        ("--process 0/2", "--process 0/2 needs --folder"),
        ("--beyond --quick", "--beyond takes minutes"),
    ],
)
def test_bad_folders(run, tmp_path, monkeypatch, words, message):
    monkeypatch.setattr(run_options, "prepare", lambda: None)
    monkeypatch.setattr(reproduction, "_compute", lambda *_: pytest.fail("work began"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("keep")
    (tmp_path / "file").write_text("keep")
    done = run("reproduce", NAME, *words.split())
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_page_without_rows_states_no_result(run, tmp_path, monkeypatch):
    paper = PAPERS[NAME]
    monkeypatch.setitem(PAPERS, NAME, Paper(NAME, paper.title, paper.reference, paper.groups[1:]))
    assert run("reproduce", NAME, "--quick", "--report", "out").code == 0
    assert "Every primary row" not in (tmp_path / "out" / "report.md").read_text()
