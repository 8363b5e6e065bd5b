"""What rows rest on besides their papers: how many do, and that computations have it so."""

from collections import Counter

import pytest

from cevnsjax import analyses
from cevnsjax.analyses.papers.picciau2020 import AveragedMoment
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.choices import AS_PRINTED, CHOICES, choices_of, explained
from cevnsjax.reproduce.papers.picciau2020.electromagnetic import DATA, FIXED, FREE, radii_of
from cevnsjax.reproduce.rows import published

EVERY = {name: row for paper in PAPERS for name, row in published(paper).items()}
# Primary rows and all. By hand, for the slides: each fixed table of radii and of charges has 21
# primary rows of argon and 21 of both data sets, each free one as many, so that the cut at 1.75
# keVee has 8 x 21 = 168; moments 2 x (6 + 7). CsI has 7 rows of the mixing angle and 48 + 49 of the
# tables, both data sets 7 + 49 + 49: 209.
COUNTS = {
    AS_PRINTED: (50, 52),
    "no smearing": (2, 2),
    "fitted pulse": (9, 9),
    "r_A = 1.20": (26, 28),
    "half shift": (6, 6),
    "one power of F": (0, 2),
    "one R_n": (8, 14),
    "scaled": (0, 23),
    "box": (2, 16),
    "c20_proxy": (209, 216),
    "cut at 1.75 keVee": (168, 181),
    "cut at 1.5 keVee": (26, 26),
    "lumped spectrum": (26, 26),
    "skin to 1.2 fm": (98, 98),
}


def test_rows_by_what_they_rest_on():
    primary = Counter(name for row in EVERY.values() if row.primary for name in row.rests_on)
    every = Counter(name for row in EVERY.values() for name in row.rests_on)
    assert {name: (primary[name], every[name]) for name in every} == COUNTS
    assert (sum(row.primary for row in EVERY.values()), len(EVERY)) == (402, 462)


def test_choices_have_names_texts_and_kinds():
    choices = [choice for listed in CHOICES.values() for choice in listed]
    assert set(CHOICES) <= set(PAPERS)
    assert {c.name for c in choices} | {AS_PRINTED} == set(COUNTS)
    assert len({c.name for c in choices}) == len(choices)
    stand_ins = {c.name for c in choices if c.kind == "stand-in"}
    assert stand_ins == {"c20_proxy", "fitted pulse", "scaled"}
    lines = explained(choices).splitlines()
    assert len(lines) == len(choices)
    for choice, line in zip(choices, lines, strict=True):
        assert line.startswith(f"- *{choice.name}* (")
        assert ("(fitted stand-in)" in line) == (choice.name in stand_ins)


@pytest.mark.parametrize("table", [*FIXED, *FREE], ids=lambda t: f"{t.name}.{t.column}")
@pytest.mark.parametrize("data", DATA)
def test_electromagnetic_tables_are_computed_with_their_choices(table, data):
    """Cuts, the mean spectrum and the range of the skin are those of the tables' computations."""
    expected = set()
    if "CsI" in data:
        expected.add("c20_proxy")
    if "Ar" in data:
        expected.add(f"cut at {table.threshold_kevee} keVee")
        if table.interaction is AveragedMoment:
            expected.add("lumped spectrum")
    if "dR_np" in radii_of(table, data):
        low, high = radii_of(table, data)["dR_np"]
        assert low == 0.0
        expected.add(f"skin to {high} fm")
    stem = f"picciau2020/{table.name}.{data}.{table.column}."
    rows = [row for name, row in EVERY.items() if name.startswith(stem)]
    assert all({choice.name for choice in row.choices} == expected for row in rows)


def test_the_radius_of_the_choice_is_that_of_the_analysis():
    theory = analyses.papoulias2020().interactions[0]
    (choice,) = choices_of("papoulias2020/N_SM.old")
    assert choice.name == f"r_A = {theory.form_factor.r_A:.2f}"
    assert choices_of("papoulias2020/R_n_90.old.noFF")[0].name == "one R_n"
    assert choices_of("somebody2031/N_SM") == ()
