"""The report in the documentation: its rows follow the rule, and what it claims is their sum."""

import json
import re
from collections import Counter

import pytest
from support.pages import DOCS, ROOT

from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.records import STANDINGS, counts, record_of, resting
from cevnsjax.reproduce.rows import markdown, published, rows_of

REPORT = (DOCS / "reproduction" / "report.md").read_text(encoding="utf-8")
LINES = {
    line.split()[1]: line for line in REPORT.splitlines() if re.match(r"\| \w+/\S+ .* \|$", line)
}


def computed(line):
    """The computed number of a line, as a row has it."""
    cell = line.split(" | ")[2].replace("inf", "Infinity")
    parts = [tuple(p) if isinstance(p, list) else p for p in json.loads(f"[{cell}]")]
    return parts if isinstance(parts[0], tuple) or len(parts) > 1 else parts[0]


@pytest.fixture(scope="module")
def rows():
    done = {}
    for paper in PAPERS:
        numbers = {n.partition("/")[2]: computed(LINES[n]) for n in published(paper)}
        done |= {row.published.id: row for row in rows_of(paper, numbers, {})}
    return done


def test_statuses_and_what_rows_rest_on_follow_the_rule(rows):
    for name, row in rows.items():
        end = markdown([row]).splitlines()[2].split(" | ")[-2:]
        assert LINES[name].split(" | ")[-2:] == end, name
    assert len(rows) == len(LINES) == 462


def test_what_rows_are_counted_as(rows):
    """Written by hand: the claim of the documentation, which the head and the README repeat."""
    counted = counts(map(record_of, rows.values()))
    primary = dict(zip(STANDINGS, (16, 200, 105, 78, 3, 0, 0), strict=True))
    assert counted["primary"] == primary
    assert counted["variants"] == dict(zip(STANDINGS, (0, 11, 10, 35, 4, 0, 0), strict=True))
    assert f"| all | {' | '.join(map(str, primary.values()))} |" in REPORT
    page = (DOCS / "reproduction.md").read_text(encoding="utf-8")
    for standing, number in list(primary.items())[:5]:
        assert f"| {standing} | {number} |" in page


def test_what_primary_rows_rest_on(rows):
    resting_on = resting(map(record_of, rows.values()))
    for name, number, reproduced in resting_on:
        assert f"| {name} | {number} | {reproduced} |" in REPORT
    numbers = {name: rest for name, *rest in resting_on}
    assert numbers["as printed"] == [50, 16]
    assert numbers["c20_proxy"] == [209, 111]
    assert numbers["independent reference"] == [81, 0]
    assert next(iter(numbers)) == "as printed"
    assert list(numbers)[-1] == "independent reference"


def test_readme(rows):
    """Its table has lines of the report, and its sentence their counts."""
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    standings = Counter(row.standing for row in rows.values() if row.published.primary)
    numbers = [standings[s] for s in STANDINGS[:5]]
    proxy = [r for r in rows.values() if r.status == "reproduced" and "c20_proxy" in r.rests_on]
    for words in (
        f"Of {sum(numbers)} numbers that eight publications print, {sum(numbers[:2])} come out",
        f"{numbers[0]} of them as printed, and {numbers[1]} with a convention",
        f"{sum(r.published.primary for r in proxy)} of the {numbers[1]}, with a fitted stand-in",
        f"the others {numbers[2]} are close, {numbers[3]} are close only because",
        f"and {numbers[4]} differ as",
    ):
        assert words in text
    shown = re.findall(
        r"\| (\S+\.(?:old|new)\S*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| (\w+) \|", text
    )
    assert len(shown) == 14
    for name, *cells in shown:
        line = LINES[f"papoulias2020/{name}"].strip("| ").split(" | ")
        assert cells == [*line[1:3], *line[5:]]
