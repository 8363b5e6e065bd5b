"""Parameters as plain data: checks on construction, on values, and when tables are joined."""

import math

import pytest

from cevnsjax.core.errors import CevnsjaxError, InputError, UnknownNameError
from cevnsjax.parameters import Normal, Parameter, ParameterTable, Uniform


def nuisance(sd=0.1, owner="a", **options):
    options = {"kind": "nuisance", "prior": Normal(0.0, sd), "owner": owner, **options}
    return Parameter("alpha", "a pull", 0.0, **options)


def test_check_returns_floats_within_closed_bounds():
    p = Parameter("x", "an x", 1.0, bounds=(0.0, 2.0))
    assert [p.check(v) for v in (0.0, 1.5, 2.0)] == [0.0, 1.5, 2.0]
    assert type(p.check(1.0)) is float


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2.5, r"x=2\.5 is outside its bounds \[0, 2\] fm"),
        (-1e-9, r"x=-1e-09 is outside its bounds \[0, 2\] fm"),
        (math.inf, r"x=inf is outside its bounds"),
        (math.nan, r"x is nan; give a number in \[0, 2\]"),
    ],
)
def test_check_names_value_and_interval(value, message):
    with pytest.raises(InputError, match=message):
        Parameter("x", "an x", 1.0, bounds=(0.0, 2.0), unit="fm").check(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": (2.0, 3.0)}, r"default 1\.0 outside bounds \[2\.0, 3\.0\]"),
        ({"bounds": (3.0, -3.0)}, "outside bounds"),
        ({"scale": 0.0}, r"scale must be > 0, got 0\.0"),
        ({"scale": math.inf}, "scale must be > 0"),
        (
            {"bounds": (0.0, 2.0), "prior": Uniform(-1.0, 1.0)},
            "prior .* reaches outside",
        ),
    ],
)
def test_construction_rejects(options, message):
    with pytest.raises(InputError, match=message):
        Parameter("x", "an x", 1.0, **options)


@pytest.mark.parametrize(
    "make", [lambda: Normal(0.0, 0.0), lambda: Normal(0.0, -1.0), lambda: Normal(0.0, math.nan)]
)
def test_normal_needs_a_width(make):
    with pytest.raises(InputError, match="needs sd > 0, got"):
        make()


def test_uniform_needs_an_interval():
    with pytest.raises(InputError, match=r"needs low < high, got \[1\.0, 1\.0\]"):
        Uniform(1.0, 1.0)


def test_label():
    assert Parameter("R", "radius", 1.0, unit="fm", latex="R_n").label == "$R_n$ [fm]"
    assert Parameter("R", "radius", 1.0).label == "R"


def test_table_shares_nuisances_of_one_width():
    table = ParameterTable([nuisance(), nuisance(owner="b")])
    assert list(table) == ["alpha"]
    assert table["alpha"].owner == "a, b"


def test_table_rejects_nuisances_of_two_widths():
    with pytest.raises(InputError, match=r"alpha has width .*sd=0\.1.* in a and .*sd=0\.2.* in b"):
        ParameterTable([nuisance(), nuisance(0.2, "b")])


def test_table_rejects_theory_owned_twice():
    pair = [Parameter("x", "an x", 1.0, owner=o) for o in ("a", "b")]
    with pytest.raises(InputError, match="x is owned by both a and b"):
        ParameterTable(pair)


def test_table_is_a_mapping_in_order():
    table = ParameterTable(
        [
            Parameter("s2w", "angle", 0.23, free=True),
            nuisance(linear=True),
            Parameter("m", "m", 1.0),
        ]
    )
    assert list(table.defaults().items()) == [("s2w", 0.23), ("alpha", 0.0), ("m", 1.0)]
    assert table.names(kind="nuisance") == ("alpha",)
    assert table.names(kind="theory") == ("s2w", "m")
    assert table.names(linear=False) == ("s2w", "m")
    assert table.names(kind="theory", linear=True) == ()
    assert "s2w" in table
    assert 3 not in table
    assert len(table) == 3


def test_table_prints_status_and_owner():
    lines = repr(
        ParameterTable([Parameter("s2w", "angle", 0.23, free=True), nuisance(linear=True)])
    ).splitlines()
    assert [line.split()[0] for line in lines] == ["name", "s2w", "alpha"]
    assert " free" in lines[1]
    assert "solved" in lines[2]
    assert "Normal(mean=0.0, sd=0.1)" in lines[2]


def test_unknown_name_lists_the_nearest_and_prints_plainly():
    table = ParameterTable([Parameter(n, n, 1.0) for n in ("R_n_Cs", "R_n_I", "R_p_Cs")])
    with pytest.raises(UnknownNameError) as caught:
        table["R_n_cs"]
    assert "unknown parameter 'R_n_cs'; did you mean R_n_Cs" in str(caught.value)
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, CevnsjaxError)
    with pytest.raises(UnknownNameError, match="known: R_n_Cs, R_n_I, R_p_Cs"):
        table["qqqqqq"]
