"""The reproduce command: JSON, text, exit status; numbers of one small paper."""

import json
import math
from functools import partial

import pytest

from cevnsjax.cli import sink
from cevnsjax.cli.run_options import RunFolder
from cevnsjax.reproduce.catalogue import PAPERS
from cevnsjax.reproduce.paper import Group, Paper, Supplement
from cevnsjax.reproduce.rows import compare, published

KEYS = {
    *("id", "published", "computed", "difference", "tolerance", "status", "reason"),
    *("primary", "known_differs", "where", "unit", "rests_on", "standing"),
}
AS_PRINTED, CHOSEN = "reproduced as printed", "reproduced with a chosen convention"
BY_REFERENCE = "close by the independent reference only"
STANDINGS = [AS_PRINTED, CHOSEN, "close", BY_REFERENCE, "known differs", "differs", "not computed"]


# --- rows made by hand ---
LIAO = "liao_marfatia2017"
OFF = {"reproduced": 0.0, "close": 1.0, "differs": 100.0}


@pytest.fixture
def made(monkeypatch):
    """Function that replaces a paper by one of two groups, with one row of each given status."""

    def put(name, quick, slow=(), reason="", supplements=()):
        all_rows = list(published(name).values())
        groups, first = [], 0
        for cost, wanted in (("quick", quick), ("slow", slow)):
            rows = [_made(row, s, reason) for row, s in zip(all_rows[first:], wanted, strict=False)]
            first += len(wanted)
            names = tuple(r.published.id.partition("/")[2] for r in rows)
            groups.append(Group(f"{cost} rows", cost, names, lambda rows=rows: rows))
        paper = Paper(name, "A title", "A reference", tuple(groups), tuple(supplements))
        monkeypatch.setitem(PAPERS, name, paper)
        return [r for g in groups for r in g.compute()]

    return put


def _made(row, status, reason):
    """A row of that status, computed by moving its number or its first end."""
    off = OFF[status] * max(row.attainable, row.last_digit)
    if isinstance(row.value, float):
        return compare(row, row.value + off, reason=reason)
    first, *more = row.value
    first = (first[0] + off, first[1]) if isinstance(first, tuple) else first + off
    return compare(row, [first, *more], reason=reason)


def as_object(run, code=0):
    assert run.code == code, run.err
    assert run.out.count("\n") == 1
    return json.loads(run.out)


def test_json_of_one_paper(run, made, tmp_path):
    rows = made(LIAO, ["reproduced", "close"], ["reproduced"], reason="because")
    done = run("reproduce", LIAO, "--json", "--output", "rows.json")
    got = as_object(done)
    assert json.loads((tmp_path / "rows.json").read_text()) == got
    assert set(got) == {"paper", "title", "reference", "counts", "rows"}
    assert got["paper"] == LIAO
    assert all(set(r) == KEYS for r in got["rows"])
    assert {r["id"] for r in got["rows"]} == set(published(LIAO))
    first, second = got["rows"][:2]
    assert first["published"] == first["computed"] == [[-0.95, 1.95]]
    assert (first["difference"], first["status"], first["reason"]) == (0.0, "reproduced", "")
    assert second["computed"] == [[-0.66 + 0.2, 1.57]]
    assert second["difference"] == pytest.approx(0.2)
    assert second["tolerance"] == rows[1].tolerance
    assert (second["status"], second["reason"]) == ("close", "because")
    assert (first["rests_on"], first["standing"]) == (["box"], CHOSEN)
    assert second["rests_on"] == ["box", "independent reference"]
    assert second["standing"] == BY_REFERENCE
    assert (second["unit"], second["where"], second["primary"]) == ("1", "eq. 12", False)
    for missing in got["rows"][3:]:
        assert missing["status"] == missing["standing"] == "not computed"
        assert missing["rests_on"] == ["box"]
        assert missing["reason"] == "no analysis here computes it"
        assert missing["computed"] is missing["difference"] is missing["tolerance"] is None
        assert missing["published"]
    assert list(got["counts"]) == ["primary", "variants"]
    assert all(list(c) == STANDINGS for c in got["counts"].values())
    assert sum(sum(c.values()) for c in got["counts"].values()) == 16
    assert got["counts"]["variants"][BY_REFERENCE] == 1
    assert got["counts"]["primary"]["not computed"] == 2
    # Progress is one line for each group.
    lines = [f"{LIAO} 1/2: quick rows", f"{LIAO} 2/2: slow rows", "wrote rows.json"]
    assert done.err.splitlines() == lines


def test_json_of_all_papers(run, made):
    for name in PAPERS:
        made(name, ["reproduced"] * 2)
    got = as_object(run("reproduce", "--all", "--quick", "--json"))
    assert set(got) == {"papers", "counts"}
    assert [p["paper"] for p in got["papers"]] == list(PAPERS)
    records = [r for p in got["papers"] for r in p["rows"]]
    assert len(records) == 462
    for kind, primary in (("primary", True), ("variants", False)):
        for standing in STANDINGS:
            number = sum(r["standing"] == standing and r["primary"] is primary for r in records)
            assert got["counts"][kind][standing] == number
    # The first two rows of argon, of PRD 97, PRD 98 and the slides rest on their papers alone,
    # those of CsI in 2017 and 2021 and of PRD 102 on choices; those of PLB 775 are variants.
    reproduced = [got["counts"]["primary"][standing] for standing in (AS_PRINTED, CHOSEN)]
    assert sum(reproduced) == 14
    assert reproduced == [8, 6]
    assert sum(got["counts"]["primary"].values()) == 402
    two = as_object(run("reproduce", LIAO, "coherent2017", LIAO, "--json"))
    assert [p["paper"] for p in two["papers"]] == [LIAO, "coherent2017"]


def test_infinite_numbers_are_null_in_json(run, made, monkeypatch):
    """Another number of intervals is infinitely far away; an open end is not a number."""
    made("coherent2017", ["reproduced"])
    (group,) = (g for g in PAPERS["coherent2017"].groups if g.cost == "quick")
    union = published("papoulias2020")["papoulias2020/eps_uV_mumu.old"]
    row = compare(union, [(-math.inf, 0.49)], reason="why")
    paper = Paper("coherent2017", "", "", (Group("g", "quick", ("*",), lambda: [row]),))
    monkeypatch.setitem(PAPERS, "coherent2017", paper)
    got = as_object(run("reproduce", "coherent2017", "--json"), code=1)["rows"][0]
    assert (got["difference"], got["computed"]) == (None, [[None, 0.49]])
    assert got["status"] == "differs"
    assert group.compute()


def test_quick_leaves_slow_groups_out(run, made):
    texts = {cost: partial(str, f"{cost} text\n") for cost in ("quick", "slow")}
    supplements = [Supplement(cost, text) for cost, text in texts.items()]
    made(LIAO, ["close"] * 2, ["close"] * 14, reason="because", supplements=supplements)
    everything = run("reproduce", LIAO)
    assert everything.code == 0
    assert "not computed" not in everything.out
    assert "quick text\n\nslow text\n" in everything.out
    assert everything.out.count("| close |") == 12
    assert everything.out.count("| known differs |") == 4
    done = run("reproduce", LIAO, "--quick")
    assert done.out.count("| close |") == 2
    assert "slow text" not in done.out
    assert "### slow rows" not in done.out
    said = [line for line in done.out.splitlines() if line.startswith("not computed: ")]
    assert len(said) == 1
    assert said[0].startswith("not computed: eq12_eps_ee_box_0.5_2dof, eq12_eps_mumu_box_0.5_2dof ")
    assert said[0].endswith(" and 12 more (slow group 'slow rows' was left out)")
    assert everything.out.splitlines()[-1] == (
        f"{LIAO}: 2 primary: 2 {BY_REFERENCE}; 14 variants: 10 {BY_REFERENCE}, 4 known differs"
    )
    last = f"{LIAO}: 2 primary: 2 not computed; 14 variants: 2 {BY_REFERENCE}, 12 not computed"
    assert done.out.splitlines()[-1] == last
    rows = as_object(run("reproduce", LIAO, "--quick", "--json"))["rows"]
    assert {r["reason"] for r in rows[2:]} == {"slow group 'slow rows' was left out"}


def test_text_streams_by_group(run, made, monkeypatch):
    """The first group's table is out before the second is begun."""
    made(LIAO, ["reproduced", "close"], ["reproduced"], reason="because")
    said, paper = [], PAPERS[LIAO]
    monkeypatch.setattr(sink.typer, "echo", lambda text, **_: said.append(text))
    first, second = paper.groups
    seen = {}

    def late():
        seen["before"] = "".join(said)
        return second.compute()

    groups = (first, Group(second.name, second.cost, second.patterns, late))
    monkeypatch.setitem(PAPERS, LIAO, Paper(LIAO, "A title", "A reference", groups))
    assert run("reproduce", LIAO).code == 0
    assert "## liao_marfatia2017\n\nA title. A reference\n" in seen["before"]
    assert (
        "| liao_marfatia2017/eq12_eps_mumu_box_0.5_1dof (variant) | [-0.66, 1.57] |"
        in (seen["before"])
    )
    assert "- eq12_eps_mumu_box_0.5_1dof: because." in seen["before"]
    assert "box_0.5_2dof" not in seen["before"]
    assert "### slow rows" in "".join(said)


@pytest.mark.parametrize(
    ("paper", "status", "reason", "code"),
    [
        ("coherent2017", "differs", "", 1),
        ("coherent2017", "differs", "because", 1),
        ("coherent2017", "close", "", 0),
        (LIAO, "differs", "", 1),
        (LIAO, "close", "", 0),
    ],
    ids=["bare", "explained", "close", "variant", "variant that is close"],
)
def test_exit_status(run, made, tmp_path, paper, status, reason, code):
    made(paper, [status], reason=reason)
    done = run("reproduce", paper, "--json", "--output", "x.json")
    assert as_object(done, code)["rows"][0]["status"] == status
    # The file is written nevertheless.
    assert (tmp_path / "x.json").exists()
    assert (f"differs: {next(iter(published(paper)))}" in done.err) == (code == 1)


@pytest.mark.parametrize(
    ("computed", "counted", "code"),
    [
        # The independent reference is off by 20 from the printed 20.
        (32.0, "known differs", 0),
        (40.0, "known differs", 0),
        (40.001, "differs", 1),
        (-0.001, "differs", 1),
        (900.0, "differs", 1),
        (math.nan, "differs", 1),
        (20.9, "close", 0),
        (20.2, CHOSEN, 0),
    ],
)
def test_known_differences_hold_as_far_as_the_reference(run, monkeypatch, computed, counted, code):
    row = published("coherent2021")["coherent2021/N_fit_err_plus"]
    assert row.known_differs
    groups = (Group("g", "quick", ("*",), lambda: [compare(row, computed)]),)
    monkeypatch.setitem(PAPERS, "coherent2021", Paper("coherent2021", "T", "R", groups))
    done = run("reproduce", "coherent2021")
    assert done.code == code
    last = f"coherent2021: 10 primary: 1 {counted}, 9 not computed"
    assert done.out.splitlines()[-1] == last
    assert ("differs: coherent2021/N_fit_err_plus" in done.err) == (code == 1)


def test_text_says_what_rows_rest_on(run, made):
    """Choices stand in full below the title, and by name in each row."""
    made("papoulias2020", ["reproduced", "close"])
    out = run("reproduce", "papoulias2020", "--quick").out
    head = out.partition("###")[0]
    assert (
        "- *r_A = 1.20* (chosen convention): the Klein-Nystrand radius is 1.20 A^(1/3) fm;" in head
    )
    assert "| 174 | 174 | 0 | 1 | r_A = 1.20 | reproduced |" in out
    assert out.rstrip().splitlines()[-1].startswith(f"papoulias2020: 34 primary: 1 {CHOSEN}, 1 ")
    made("coherent2020_lar", ["reproduced"])
    assert "Rows rest on choices" not in run("reproduce", "coherent2020_lar", "--quick").out


def test_a_computed_nan_is_named_in_json(run, monkeypatch):
    row = compare(
        published("papoulias2020")["papoulias2020/sin2thetaW_90.old"], [(0.116, math.nan)]
    )
    groups = (Group("g", "quick", ("sin2thetaW_90.old",), lambda: [row]),)
    monkeypatch.setitem(PAPERS, "papoulias2020", Paper("papoulias2020", "T", "R", groups))
    got = as_object(run("reproduce", "papoulias2020", "--json"), code=1)["rows"][0]
    assert (got["computed"], got["difference"], got["status"]) == (
        [[0.116, "nan"]],
        None,
        "differs",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["papoulias2021"], "unknown paper 'papoulias2021'; did you mean papoulias2020"),
        ([], "name papers or pass --all; known: coherent2017, "),
        (["--quick"], "name papers or pass --all"),
        (["coherent2017", "--all"], "leave coherent2017 or --all out"),
        (["coherent2017", "--output", "x.nc"], "use one of .json"),
        (["--list", "zzz"], "unknown paper 'zzz'; known: "),
    ],
)
def test_bad_input(run, monkeypatch, words, message):
    monkeypatch.setattr(RunFolder, "begin", lambda _: pytest.fail("work began"))
    done = run("reproduce", *words)
    assert done.code == 2
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1


def test_list(run, monkeypatch):
    monkeypatch.setattr(RunFolder, "begin", lambda _: pytest.fail("work began"))
    got = as_object(run("reproduce", "--list", "--json"))["papers"]
    assert [p["paper"] for p in got] == list(PAPERS)
    assert sum(g["rows"] for p in got for g in p["groups"]) == 462
    text = run("reproduce", "--list", "papoulias2020").out
    assert "interactions, old quenching factor" in text
    assert "coherent2017" not in text


# --- computed ---
def test_a_small_paper(run):
    """The independent reference has 0.198 [0.120, 0.321] from the single bin."""
    got = as_object(run("reproduce", "papoulias_kosmas2019", "--quick", "--json"))
    best, interval = got["rows"]
    assert best["computed"] == pytest.approx(0.198, abs=5e-4)
    assert interval["computed"][0] == pytest.approx([0.120, 0.321], abs=5e-4)
    assert interval["published"] == [[0.117, 0.321]]
    assert interval["difference"] == pytest.approx(0.003, abs=5e-4)
    assert [r["status"] for r in got["rows"]] == ["close", "close"]
    assert got["counts"]["primary"]["close"] == 2


@pytest.mark.slow
def test_everything_quick(run):
    """Groups give exactly the rows they announce, and nothing that counts differs."""
    got = as_object(run("reproduce", "--all", "--quick", "--json"))
    for paper in got["papers"]:
        groups = PAPERS[paper["paper"]].groups
        for record in paper["rows"]:
            row = published(paper["paper"])[record["id"]]
            (group,) = (g for g in groups if g.holds(row))
            assert (record["status"] == "not computed") == (group.cost == "slow"), row.id
            assert record["status"] == "reproduced" or record["reason"], row.id
    assert got["counts"]["primary"]["differs"] == 0
    assert got["counts"]["variants"]["differs"] == 0
