"""Reactor sources as objects: protocol, equality, bad input."""

from dataclasses import replace

import pytest

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.flux.reactor import ReactorSource
from cevnsjax.flux.source import NeutrinoSource

MIX = {"U235": 0.561, "U238": 0.076, "Pu239": 0.307, "Pu241": 0.056}
REACTOR = ReactorSource(2.9, 28.0, 365.0, MIX)


# --- what a source is ---
def test_source():
    assert isinstance(REACTOR, NeutrinoSource)
    assert REACTOR.sources == ("nu_e_bar",)
    again = ReactorSource(2.9, 28.0, 365.0, dict(reversed(MIX.items())))
    assert again == REACTOR
    assert hash(again) == hash(REACTOR)
    assert replace(REACTOR, exposure_days=1.0) != REACTOR
    assert dict(replace(REACTOR).fission_fractions) == MIX


# --- bad input ---
@pytest.mark.parametrize("field", ["thermal_power_gw", "baseline_m", "exposure_days", "E_nu_max"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_numbers(field, value):
    with pytest.raises(InputError, match=f"ReactorSource: {field} must be"):
        replace(REACTOR, **{field: value})


@pytest.mark.parametrize("value", [2.0, 10.1])
def test_bad_top_energy(value):
    with pytest.raises(InputError, match="above 2 and up to 10 MeV"):
        replace(REACTOR, E_nu_max=value)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({}, "must sum to 1, got 0"),
        ({"U235": 0.9}, "must sum to 1, got 0.9; divide by their sum"),
        ({"U235": 1.1, "U238": -0.1}, "fraction of U238 must be >= 0, got -0.1"),
        ({"U235": float("nan")}, "fraction of U235 must be a finite number"),
    ],
)
def test_bad_fractions(fractions, message):
    with pytest.raises(InputError, match=message):
        replace(REACTOR, fission_fractions=fractions)


def test_unknown_isotope():
    with pytest.raises(UnknownNameError, match=r"fissile isotope '235U'; did you mean U235"):
        replace(REACTOR, fission_fractions={"235U": 1.0})
