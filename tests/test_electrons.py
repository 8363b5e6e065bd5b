"""Electrons of atoms: counts by hand from the printed levels, sums, and compounds."""

import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax import tables
from cevnsjax.core.errors import UnknownNameError

# Electrons whose level lies at or below the energy transfer [MeV], counted by hand in the table of
# levels that Elam, Ravel and Sieber (2002) print, as xraydb 4.5.8 has it.
Z_EFF = {
    ("Ar", 130e-6): 8,
    ("Ar", 5000e-6): 18,
    ("Ar", 20000e-6): 18,
    ("Ar", 40000e-6): 18,
    ("Ge", 60e-6): 14,
    ("Ge", 130e-6): 20,
    ("Ge", 500e-6): 22,
    ("I", 20e-6): 7,
    ("I", 60e-6): 17,
    ("I", 500e-6): 25,
    ("I", 1100e-6): 43,
    ("I", 5000e-6): 49,
    ("Xe", 20e-6): 6,
    ("Xe", 1100e-6): 42,
    ("Xe", 20000e-6): 52,
    ("Cs", 20e-6): 7,
    ("Cs", 60e-6): 9,
    ("Cs", 130e-6): 19,
    ("Cs", 500e-6): 27,
    ("Cs", 1100e-6): 43,
}


@pytest.mark.parametrize(("element", "T"), Z_EFF)
def test_freed_electrons(element, T):
    assert float(cj.Z_eff(element, T)) == Z_EFF[element, T]


def test_an_energy_equal_to_a_level_frees_it():
    """The K level of germanium lies at 11103 eV."""
    assert cj.Z_eff("Ge", np.array([0.011103, np.nextafter(0.011103, 0)])).tolist() == [32.0, 30.0]


def test_the_valence_electron_of_cesium_is_free():
    """xraydb has no level 6s of Cs."""
    assert float(cj.Z_eff("Cs", 0.0)) == 1.0


def test_electrons_of_every_atom_add_up_to_its_number():
    """H to U in the order of the periodic system, so that row and atomic number agree."""
    elements = list(dict.fromkeys(tables.read_csv("electrons", "shells.csv")["element"].tolist()))
    assert len(elements) == 92
    assert [elements[Z - 1] for Z in (6, 18, 32, 53, 74, 82)] == ["C", "Ar", "Ge", "I", "W", "Pb"]
    for Z, element in enumerate(elements, start=1):
        assert float(cj.Z_eff(element, 1.0)) == Z


def test_a_material_has_the_electrons_of_its_atoms():
    """CsI: 108 electrons in each of N_A/(259.81 g/mol) pairs, and those of Cs and I below."""
    csi, T = cj.electrons_of(cj.target("CsI")), np.array([1e-6, 20e-6, 500e-6, 1.0])
    pairs = 6.02214076e23 / 0.259809924961
    one, seven, most, every = csi.freed(T) / pairs
    assert (one, seven, most, every) == pytest.approx((1, 14, 52, 108), rel=1e-8)
    assert csi.kinks[0] == 3e-6
    assert csi.kinks[-1] == 35985e-6


def test_an_unknown_element_is_named():
    with pytest.raises(UnknownNameError, match="element 'Uu'"):
        cj.Z_eff("Uu", 1.0)


def test_the_electron_has_charge_but_no_radius_or_element():
    assert (cj.ELECTRON.name, cj.ELECTRON.Z, cj.ELECTRON.N) == ("e", -1, 0)
    assert cj.ELECTRON.is_electron
    assert not cj.target("Ar").nuclei[0].is_electron
