"""Tabulated sources as objects: protocol, equality, copies, bad input."""

from dataclasses import replace

import numpy as np
import pytest

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.flux.source import NeutrinoSource, OscillatingSource
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import TabulatedSource

E_TABLE = np.array([0.05, 0.5, 0.7, 1.5, 2.0, 3.1, 5.0, 8.0])
F_TABLE = np.array([0.0, 2.0, 1.9, 2.6, 0.4, 0.3, 0.05, 0.01])


def source(interpolation="linear"):
    return TabulatedSource("nu_e", Spectrum(E_TABLE, F_TABLE, interpolation), 1e12, 10.0)


# --- what a source is ---
def test_sources_keep_the_protocol():
    flux = source()
    assert isinstance(flux, OscillatingSource)
    assert isinstance(DecayAtRest(0.08, 1e23, 19.3), OscillatingSource)
    assert not isinstance(flux.table, NeutrinoSource)
    assert (flux.sources, flux.fluence, flux.baseline_m) == (("nu_e",), 1e12, 10.0)


def test_equal_tables_are_equal_and_hash_alike():
    """Lists, tuples and arrays make the same source; any difference makes another."""
    same = TabulatedSource("nu_e", Spectrum(E_TABLE.tolist(), tuple(F_TABLE)), 1e12, 10.0)
    assert same == source()
    assert hash(same) == hash(source())
    moved = F_TABLE.copy()
    moved[3] += 1e-9
    others = [
        source("monotone"),
        replace(source(), fluence=2e12),
        replace(source(), table=Spectrum(E_TABLE, moved)),
        replace(source(), source="nu_mu"),
    ]
    assert len({source(), same, *others}) == 5


def test_the_table_is_a_copy_that_cannot_change():
    mine = F_TABLE.copy()
    spectrum = Spectrum(E_TABLE, mine)
    mine[:] = 1.0
    np.testing.assert_array_equal(spectrum.densities, F_TABLE)
    with pytest.raises(ValueError, match="read-only"):
        spectrum.densities[0] = 1.0


# --- bad input ---
@pytest.mark.parametrize(
    ("E", "f", "message"),
    [
        ([1.0], [1.0], "two columns of two or more"),
        ([1.0, 2.0, 3.0], [1.0, 1.0], "two columns of two or more"),
        ([[1.0, 2.0]], [[1.0, 1.0]], "two columns of two or more"),
        ([0.0, 2.0], [1.0, 1.0], "starts above 0 MeV, got 0"),
        ([1.0, float("nan")], [1.0, 1.0], "finite"),
        ([1.0, 2.0], [1.0, float("inf")], "finite"),
        ([2.0, 1.0], [1.0, 1.0], "must increase"),
        ([1.0, 1.0, 2.0], [1.0, 2.0, 1.0], "inside the table"),
        ([1.0, 2.0, 2.0], [1.0, 2.0, 1.0], "inside the table"),
        ([1.0, 2.0, 2.0, 2.0, 3.0], [1.0] * 5, "twice the same"),
        ([1.0, 2.0], [-1.0, 1.0], "got a minimum of -1"),
        ([1.0, 2.0], [0.0, 0.0], "not all 0"),
    ],
)
def test_bad_table(E, f, message):
    with pytest.raises(InputError, match=message):
        Spectrum(np.array(E), np.array(f))


def test_bad_names():
    with pytest.raises(UnknownNameError, match="interpolation 'monoton'; did you mean monotone"):
        replace(source().table, interpolation="monoton")
    with pytest.raises(UnknownNameError, match=r"source 'nue'.*nu_e"):
        replace(source(), source="nue")
    with pytest.raises(UnknownNameError, match="continuous source 'nu_mu'"):
        source().spectrum("nu_mu", 1.0, np)


@pytest.mark.parametrize("field", ["fluence", "baseline_m"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_source(field, value):
    with pytest.raises(InputError, match=f"TabulatedSource: {field} must be"):
        replace(source(), **{field: value})
