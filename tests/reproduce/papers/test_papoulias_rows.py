"""Rows of PRD 97, 033003, and those of PRD 102, 113004 beyond the Standard Model."""

import pytest

from cevnsjax.reproduce.papers.papoulias2020 import rows as papoulias2020
from cevnsjax.reproduce.papers.papoulias_kosmas2019 import rows as papoulias_kosmas2019
from cevnsjax.reproduce.rows import compare, markdown, published, reasons_of

P20, PK = "papoulias2020", "papoulias_kosmas2019"
STEMS = ("eps_", "r2_", "mu_nu_")
# An independent reference's moments [1e-10 mu_B] by power of the form factor.
MOMENTS = {"old": {1: 31.5, 2: 36.6}, "new": {1: 20.7, 2: 24.8}}


def test_single_bin():
    """The independent reference has 0.198 [0.120, 0.321]."""
    rows = {r.published.id: r for r in papoulias_kosmas2019.rows()}
    assert set(rows) == set(published(PK))
    best, interval = (rows[f"{PK}/{name}"] for name in ("s2w_bf", "s2w90"))
    assert best.computed == pytest.approx(0.198, abs=5e-4)
    assert interval.computed[0] == pytest.approx((0.120, 0.321), abs=5e-4)
    assert {r.status for r in rows.values()} == {"close"}
    assert "papoulias_kosmas2019/s2w90 | [0.117, 0.321]" in markdown(list(rows.values()))
    text = reasons_of(list(rows.values()))
    assert text.startswith("- s2w_bf, s2w90: the paper prints no number")


@pytest.fixture(scope="module", params=["old", "new"])
def interactions(request):
    rows = papoulias2020.interaction_rows(request.param)
    return request.param, {r.published.id.partition("/")[2]: r for r in rows}


def test_interactions(interactions):
    """Every row is there and none differs; most of the old ones are as printed."""
    quenching, rows = interactions
    names = {i.partition("/")[2] for i in published(P20)}
    assert set(rows) == {n for n in names if n.startswith(STEMS) and n.endswith(quenching)}
    # The independent reference is 5.6 off one row, too.
    assert {n for n, r in rows.items() if r.status == "known differs"} <= {"mu_nu_F2.old"}
    assert {r.status for r in rows.values()} <= {"reproduced", "close", "known differs"}
    if quenching == "old":
        printed = {n for n, r in rows.items() if r.status == "reproduced"}
        stems = ("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "r2_nue", "r2_numubar")
        assert printed == {f"{stem}.old" for stem in stems}
    assert all(r.reason for r in rows.values() if r.status != "reproduced")


def test_moments(interactions):
    """The reason states the limit for one and for two powers of the form factor."""
    quenching, rows = interactions
    for power, moment in MOMENTS[quenching].items():
        row = rows[f"mu_nu_F{power}.{quenching}"]
        assert row.computed == pytest.approx(moment, abs=0.05)
        assert str(moment) in row.reason
        assert row.published.primary == (power == 2)


@pytest.mark.parametrize(
    ("name", "off", "words"),
    [
        ("r2_numu.old", 1.5, "of unknown origin"),
        # A row that is further off than the independent calculation has no reason.
        ("r2_numu.old", 20.0, ""),
        ("r2_numu.new", 1.5, "quenching factor is not printed"),
        ("R_n_90.new.noFF", 0.15, "eq. 13 4.35-6.9 fm; the paper's own form of the 2020"),
        ("mu_nu_F1.old", 1.5, "eq. 15 has two powers"),
    ],
)
def test_reasons(name, off, words):
    row = published(P20)[f"{P20}/{name}"]
    moved = [(row.value[0][0], row.value[0][1] + off)] if name[0] in "rR" else row.value + off
    reason = papoulias2020._reason(compare(row, moved))
    assert words in reason
    assert bool(words) == bool(reason)
