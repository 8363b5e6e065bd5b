"""The papers: every published row belongs to one group, and every group leads to its function."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.reproduce.catalogue import PAPERS, paper_of
from cevnsjax.reproduce.paper import Group, Paper
from cevnsjax.reproduce.rows import published
from cevnsjax.tables import describe


def test_papers_cost_nothing_until_they_are_computed():
    code = "import sys, cevnsjax.reproduce.catalogue; print({'jax', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_file_of_published_numbers_is_a_paper():
    (folder,) = (d for d in describe() if d["name"] == "published")
    assert {f"{name}.csv" for name in PAPERS} == set(folder["files"])


def test_references_are_those_of_the_data():
    manifest = Path(__file__).parents[2] / "data" / "published" / "manifest.toml"
    listed = tomllib.loads(manifest.read_text(encoding="utf-8"))["files"]
    files = {entry["name"]: entry["description"] for entry in listed}
    for name, paper in PAPERS.items():
        assert paper.name == name
        assert paper.reference == files[f"{name}.csv"]
        assert paper.title


@pytest.mark.parametrize("name", PAPERS)
def test_every_published_row_is_in_one_group(name):
    groups = PAPERS[name].groups
    for row in published(name).values():
        assert sum(g.holds(row) for g in groups) == 1, row.id
    for group in groups:
        assert any(map(group.holds, published(name).values())), group.name
        assert group.cost in ("quick", "slow")
    assert len({g.name for g in groups}) == len(groups)


@pytest.fixture
def calls(monkeypatch):
    """Function that replaces the functions of a paper by one that records its arguments."""

    def note(paper, *functions, result):
        noted = []
        module = import_module(f"cevnsjax.reproduce.papers.{paper}.rows")
        for name in functions:
            if hasattr(module, name):
                monkeypatch.setattr(
                    module, name, lambda *a, name=name: noted.append((name, *a)) or result
                )
        return noted

    return note


@pytest.mark.parametrize("name", PAPERS)
def test_every_group_leads_to_a_function(name, calls):
    """No group repeats another."""
    noted = calls(name, "rows", "interaction_rows", "electromagnetic_rows", result=[])
    for group in PAPERS[name].groups:
        assert group.compute() == []
    assert len({str(call) for call in noted}) == len(noted) == len(PAPERS[name].groups)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("coherent2017", [("smearings",)]),
        ("coherent2020_lar", [("variations", "release"), ("variations", "computed")]),
        ("coherent2021", [("variations",)]),
    ],
)
def test_supplements_are_variations_of_the_analysis(name, expected, calls):
    noted = calls(name, "smearings", "variations", result="a table\n")
    assert {supplement.text() for supplement in PAPERS[name].supplements} == {"a table\n"}
    assert noted == expected


def test_electromagnetic_groups_are_the_tables(calls):
    """Each group asks for one table and one data set; together they are all tables."""
    from cevnsjax.reproduce.papers.picciau2020.electromagnetic import DATA, FIXED, FREE, PAPER

    noted = calls(PAPER, "electromagnetic_rows", result=[])
    for group in PAPERS[PAPER].groups[1:]:
        group.compute()
    printed = {".".join(i.partition("/")[2].split(".")[:3]) for i in published(PAPER)}
    tables = [(t, d) for t in (*FIXED, *FREE) for d in DATA]
    expected = {(id(t), d) for t, d in tables if f"{t.name}.{d}.{t.column}" in printed}
    assert {(id(t), d) for _, (t,), (d,) in noted} == expected
    assert len(noted) == len(expected) == 20


def test_unknown_papers_list_all():
    for word in ("papoulias2021", "zzz"):
        with pytest.raises(UnknownNameError) as problem:
            paper_of(word)
        assert str(problem.value).count("known:") == 1
        assert all(name in str(problem.value) for name in PAPERS)


def test_rows_that_a_group_lacks():
    """The reason of a missing row says whether its group was computed or left out."""
    group = Group("one", "slow", ("N_*",), lambda: [])
    paper = Paper("coherent2017", "A title", "A reference", (group,))
    reasons = {row.id: why for row, why in paper.missing([], [])}
    assert reasons == {
        "coherent2017/N_CEvNS": "slow group 'one' was left out",
        "coherent2017/significance": "no analysis here computes it",
    }
    assert paper.missing([], [group])[0][1] == "its group gave no such row"


def test_every_paper_has_figures_with_distinct_names():
    for name, paper in PAPERS.items():
        figures = paper.figures()
        assert figures, name
        assert len({f.name for f in figures}) == len(figures)
        for f in figures:
            assert re.fullmatch(r"\w+", f.name)
            assert f.title
            assert f.caption.endswith("."), (name, f.name)
