"""Papoulias, PRD 102, 113004: its Standard Model rows as the package computes them."""

import pytest

from cevnsjax.reproduce.papers.papoulias2020 import rows as papoulias2020
from cevnsjax.reproduce.rows import published

STANDARD = ("N_SM", "s2w_", "sin2thetaW_90", "eq11_", "R_n_", "eq13_")


@pytest.fixture(scope="module")
def rows():
    return {r.published.id: r for r in papoulias2020.rows()}


def test_every_standard_model_row_is_there(rows):
    expected = {i for i in published("papoulias2020") if i.partition("/")[2].startswith(STANDARD)}
    assert expected <= set(rows)
    assert len(expected) >= 20


def test_reproduced_or_close(rows):
    wrong = {i: (r.published.value, r.computed) for i, r in rows.items() if "differs" in r.status}
    assert wrong == {}


def test_rows_without_a_free_convention_are_reproduced(rows):
    for name in ("N_SM.old", "s2w_1sigma_halfwidth.old", "s2w_1sigma_halfwidth.new"):
        assert rows[f"papoulias2020/{name}"].status == "reproduced", name


def test_rows_of_the_unprinted_curve_say_why(rows):
    for name in ("N_SM.new", "s2w_bestfit.new", "sin2thetaW_90.new"):
        assert "quenching factor is not printed" in rows[f"papoulias2020/{name}"].reason
