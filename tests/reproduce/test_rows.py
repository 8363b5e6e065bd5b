"""The rule for the status of a row, on rows written by hand; the files of published numbers."""

import math
from dataclasses import replace

import pytest

from cevnsjax.core.errors import DataError, UnknownNameError
from cevnsjax.reproduce.records import from_text, record_of, to_text
from cevnsjax.reproduce.rows import Published, compare, markdown, published, rows_of

ROWS = {
    "papoulias2020": 42,
    "papoulias_kosmas2019": 2,
    "aristizabal2018": 48,
    "liao_marfatia2017": 16,
    "picciau2020": 336,
    "coherent2017": 2,
    "coherent2020_lar": 6,
    "coherent2021": 10,
}


SIN2 = "papoulias2020/sin2thetaW_90.old"


def row(value, attainable=0.0, last_digit=0.01, known_differs=False):
    return Published("paper/row", "Table", value, "1", attainable, last_digit, True, known_differs)


def status(published_row, computed, **options):
    return compare(published_row, computed, **options).status


@pytest.mark.parametrize(
    ("computed", "expected"),
    [
        (1.23, "reproduced"),
        (1.235, "reproduced"),
        (1.225, "reproduced"),
        (1.2351, "close"),
        (1.24, "close"),
        (1.22, "close"),
        (1.2401, "differs"),
        (1.2199, "differs"),
        (-1.23, "differs"),
        (math.nan, "differs"),
        (math.inf, "differs"),
    ],
)
def test_a_value(computed, expected):
    """Reproduced within half a unit of the last digit, close within one; ties are included."""
    assert status(row(1.23), computed) == expected


def test_attainable_widens_what_is_close():
    assert status(row(1.23, attainable=0.05), 1.28) == "close"
    assert status(row(1.23, attainable=0.05), 1.2801) == "differs"
    assert status(row(1.23, attainable=0.001), 1.24) == "close"
    done = compare(row(1.23, attainable=0.05), 1.25, reason="why")
    assert done.difference == pytest.approx(0.02)
    assert done.tolerance == 0.05
    assert done.reason == "why"


def test_known_differences_are_named_so_only_when_they_differ():
    assert status(row(1.23, attainable=2.0, known_differs=True), 3.0) == "known differs"
    assert status(row(1.23, attainable=2.0, known_differs=True), 3.23) == "known differs"
    assert status(row(1.23, attainable=2.0, known_differs=True), 3.24) == "differs"
    assert status(row(1.23, attainable=2.0, known_differs=True), -0.78) == "differs"
    assert status(row(1.23, known_differs=True), 3.0) == "differs"
    assert status(row(1.23, known_differs=True), 1.24) == "close"
    assert status(row(1.23, known_differs=True), 1.23) == "reproduced"


def test_an_interval_has_two_per_cent_of_its_width():
    interval = row([(0.0, 2.0)])
    assert status(interval, [(0.004, 1.996)]) == "reproduced"
    assert status(interval, [(0.0, 2.04)]) == "close"
    assert status(interval, [(-0.04, 2.0)]) == "close"
    assert status(interval, [(0.0, 2.0401)]) == "differs"
    # The larger distance counts, not their sum or mean.
    done = compare(interval, [(0.03, 1.99)])
    assert done.difference == pytest.approx(0.03)
    assert done.tolerance == pytest.approx(0.04)


def test_a_union_has_the_width_of_its_hull():
    union = row([(-2.0, -1.0), (0.5, 3.0)])
    assert status(union, [(-2.0, -1.0), (0.5, 3.1)]) == "close"
    assert status(union, [(-2.0, -1.0), (0.5, 3.101)]) == "differs"
    assert status(union, [(-2.0, 3.0)]) == "differs"
    assert status(union, [(-2.0, -1.0), (0.5, 1.0), (1.2, 3.0)]) == "differs"
    assert compare(union, [(-2.0, 3.0)]).difference == math.inf


def test_values_and_lone_ends():
    assert status(row([1.0, 2.0]), [1.004, 2.004]) == "reproduced"
    assert status(row([1.0, 2.0]), [1.0, 2.02]) == "close"
    assert status(row([1.0, 2.0]), [1.0]) == "differs"
    # A lone end borrows the width of the interval it belongs to.
    assert status(row(5.0), 5.09) == "differs"
    assert status(row(5.0), 5.09, width=5.0) == "close"
    assert status(row(5.0), 5.11, width=5.0) == "differs"


@pytest.mark.parametrize("end", [math.inf, -math.inf])
def test_open_ends(end):
    """An open end agrees with an open end, and adds no width."""
    half = row([(end, 1.0)] if end < 0 else [(1.0, end)])
    same = lambda x, e: [(e, x)] if end < 0 else [(x, e)]  # noqa: E731
    assert status(half, same(1.0, end)) == "reproduced"
    assert status(half, same(1.01, end)) == "close"
    assert status(half, same(1.02, end)) == "differs"
    assert status(half, same(1.02, end), width=2.0) == "close"
    assert status(half, same(1.0, 7.0)) == "differs"
    assert status(half, [(0.0, 1.0), (2.0, 3.0)]) == "differs"
    assert status(row([(0.0, 1.0)]), same(1.0, end)) == "differs"


NAN = math.nan


@pytest.mark.parametrize("known_differs", [False, True])
@pytest.mark.parametrize(
    ("printed", "computed"),
    [
        (0.3, NAN),
        (NAN, 0.3),
        (NAN, NAN),
        ([(0.116, 0.321)], [(0.116, NAN)]),
        ([(0.116, 0.321)], [(NAN, 0.321)]),
        ([(0.116, NAN)], [(0.116, 0.321)]),
        ([(NAN, 0.321)], [(0.116, 0.321)]),
        ([(-math.inf, 0.321)], [(-math.inf, NAN)]),
        ([1.0, 2.0, 3.0], [1.0, NAN, 3.0]),
        ([1.0, 2.0, 3.0], [1.0, 2.0, NAN]),
        ([(-2.0, -1.0), (0.5, 3.0)], [(-2.0, -1.0), (NAN, 3.0)]),
    ],
)
def test_nan_differs_wherever_it_stands(printed, computed, known_differs):
    done = compare(row(printed, attainable=5.0, known_differs=known_differs), computed)
    assert done.status == "differs"
    assert done.difference == math.inf
    (again,) = from_text(to_text([compare(published("papoulias2020")[SIN2], [(NAN, 0.3)])]))
    assert again.status == "differs"


def test_a_row_without_a_finite_tolerance_is_not_reproduced_by_nan():
    assert status(row(1.0, attainable=math.inf, last_digit=math.inf), NAN) == "differs"


@pytest.mark.parametrize("paper", ROWS)
def test_published_numbers_parse(paper):
    rows = published(paper)
    assert len(rows) == ROWS[paper]
    for name, r in rows.items():
        assert name == r.id
        assert name.startswith(f"{paper}/")
        assert r.last_digit > 0
        assert r.attainable >= 0
        assert r.where
        parts = r.value if isinstance(r.value, list) else [r.value]
        for part in parts:
            if isinstance(part, tuple):
                assert part[0] < part[1]
        intervals = [p for p in parts if isinstance(p, tuple)]
        assert intervals == sorted(intervals)
        # A published value compared with itself is reproduced.
        assert status(r, r.value) == "reproduced"


def test_some_published_numbers():
    rows = published("papoulias2020")
    assert rows["papoulias2020/N_SM.old"].value == 174.0
    assert rows["papoulias2020/N_SM.old"].unit == "events"
    assert rows["papoulias2020/sin2thetaW_90.old"].value == [(0.116, 0.321)]
    ngi = published("aristizabal2018")
    assert ngi["aristizabal2018/T1_xi_V_bestfits"].value == [-1.764, -0.113]
    union = ngi["aristizabal2018/T1_xi_V_90"].value
    assert union == [(-2.102, -1.554), (-0.324, 0.224)]
    fit_error = published("coherent2021")["coherent2021/N_fit_err_plus"]
    assert fit_error.known_differs
    assert fit_error.primary


def test_unknown_rows_and_papers():
    with pytest.raises(UnknownNameError, match=r"did you mean papoulias2020/N_SM\.old"):
        rows_of("papoulias2020", {"N_SM.olde": 1.0}, {})
    with pytest.raises((UnknownNameError, DataError), match="nobody2031"):
        published("nobody2031")


def test_rows_and_their_table():
    rows = rows_of(
        "papoulias2020",
        {"N_SM.old": 174.2, "sin2thetaW_90.old": [(0.1, 0.321)]},
        {"sin2thetaW_90.old": "because"},
    )
    assert [r.status for r in rows] == ["reproduced", "differs"]
    assert [r.reason for r in rows] == ["", "because"]
    lines = markdown(rows).splitlines()
    assert len(lines) == 4
    assert "[0.116, 0.321]" in lines[3]
    assert "differs" in lines[3]


def test_rows_go_to_text_and_back():
    """Numbers, lists and unions of intervals, open ends among them."""
    printed = published("papoulias2020")
    rows = [
        compare(printed["papoulias2020/N_SM.old"], 174.25, reason="why"),
        compare(printed["papoulias2020/eps_uV_mumu.old"], [(-float("inf"), 0.1), (0.2, 0.49)]),
        compare(printed["papoulias2020/N_SM.new"], 156.4),
    ]
    assert [r.by_reference for r in rows] == [False, False, True]
    back = from_text(to_text(rows))
    assert back == rows
    assert [record_of(r) for r in back] == [record_of(r) for r in rows]


@pytest.mark.parametrize(
    ("computed", "by_reference"),
    [
        # The interval is 2 wide, its last digit 0.01: beyond 0.04 only the reference's 0.2 holds.
        ([(0.0, 2.0)], False),
        ([(0.0, 2.04)], False),
        ([(0.0, 2.0401)], True),
        ([(0.0, 2.2)], True),
        ([(0.0, 2.2001)], False),
    ],
)
def test_close_by_the_independent_reference_only(computed, by_reference):
    printed = row([(0.0, 2.0)], attainable=0.2)
    done = compare(printed, computed)
    assert done.by_reference == by_reference
    assert ("independent reference" in done.rests_on) == by_reference
    assert (done.standing == "close by the independent reference only") == by_reference
    known = compare(replace(printed, known_differs=True), computed)
    assert (known.standing == "known differs") == by_reference
    # The last digit is enough where it is as wide as the distance of the reference.
    assert not compare(row(1.0, attainable=0.01), 1.01).by_reference
    assert not compare(row(1.0, attainable=0.2), 1.04, width=2.0).by_reference


def test_reproduced_rows_say_what_they_rest_on():
    rows = published("papoulias2020") | published("coherent2020_lar")
    done = compare(rows["papoulias2020/r2_nue.old"], [(-76.0, 17.1)])
    assert done.rests_on == ("r_A = 1.20", "half shift")
    assert done.standing == "reproduced with a chosen convention"
    done = compare(rows["coherent2020_lar/N_CEvNS_err"], 43.0)
    assert (done.rests_on, done.standing) == (("as printed",), "reproduced as printed")
    (line,) = markdown([done]).splitlines()[2:]
    assert line.endswith("| as printed | reproduced |")


def test_a_row_that_is_known_to_differ_is_not_called_close():
    row = published("coherent2021")["coherent2021/N_fit_err_plus"]
    assert markdown([compare(row, 32.0)]).rstrip().endswith("| known differs |")
    assert markdown([compare(row, 20.0)]).rstrip().endswith("| reproduced |")
