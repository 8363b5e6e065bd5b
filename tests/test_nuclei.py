"""Constants, isotope table, targets and radii against golden values and hand formulas."""

import numpy as np
import pytest
from support import helpers

from cevnsjax.core import constants as c
from cevnsjax.core import units
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.nuclei import isotope, reference_isotope, target, target_names, theory_radii
from cevnsjax.tables import read_csv

# Molar masses [g/mol] and mole fractions, natural elements (IUPAC 2013 abridged).
MOLAR = {"Ar": 39.948, "Ge": 72.630, "Si": 28.085, "Xe": 131.293, "NaI": 149.894, "Na": 22.9898}


def test_constants(golden):
    for name, entry in golden("constants").items():
        kind, key = name.split(".")[:2]
        if kind == "const":
            names = {"E_nu_mu": "E_nu_prompt", "E_end": "E_nu_michel_max"}
            names |= {"hbarc2": "hbar_c_squared_cm2"}
            helpers.check(getattr(c, names.get(key, key)), entry)
        elif kind == "mass":
            helpers.check(isotope(helpers.ISOTOPES[key]).mass, entry)


def test_formula_units(golden):
    """Formula units of CsI: one Cs and one I nucleus each."""
    rows = golden("constants")
    helpers.check(c.N_A / target("CsI").per_kg[0] * 1e3, rows["molar.CsI"])
    for mass in (14.57, 14.6):
        for per_kg in target("CsI").per_kg:
            helpers.check(per_kg * mass, rows[f"formula_units.CsI.{mass}kg"])


def test_units_are_multipliers_into_mev_cm_kg():
    assert (units.GeV, units.keV, units.eV) == (1e3, 1e-3, 1e-6)
    assert units.m_in_cm == 1e2


def test_lepton_masses():
    """PDG: m_mu/m_e = 206.7682830, m_tau/m_mu = 16.8170."""
    masses = c.lepton_mass
    assert masses["mu"] / masses["e"] == pytest.approx(206.7682830, rel=1e-8)
    assert masses["tau"] / masses["mu"] == pytest.approx(16.8170, rel=1e-4)


def test_isotope_table():
    """Abundances of an element sum to 1, masses rise with A, and each lies close to A u."""
    table = read_csv("nuclides", "isotopes.csv")
    for symbol in dict.fromkeys(table["symbol"]):
        of_element = table["symbol"] == symbol
        assert table["abundance"][of_element].sum() == pytest.approx(1.0, abs=2e-4)
        assert len(set(table["Z"][of_element])) == 1
        assert np.all(np.diff(table["A"][of_element]) > 0)
        assert np.all(np.diff(table["atomic_mass_u"][of_element]) > 0.9)
    np.testing.assert_allclose(table["atomic_mass_u"], table["A"], atol=0.11)
    assert np.all(table["A"] > 2 * table["Z"] - 1)
    odd = table["A"] % 2 == 1
    np.testing.assert_array_equal((table["spin"] * 2) % 2, odd.astype(float))
    radius = 0.9 * table["A"] ** (1 / 3) + 0.35
    np.testing.assert_allclose(table["charge_radius_fm"], radius, atol=0.25)


def test_nucleus_arithmetic():
    cs = isotope("133Cs")
    assert (cs.Z, cs.N, cs.A, cs.name, cs.spin) == (55, 78, 133, "133Cs", 3.5)
    assert cs.mass == pytest.approx(132.905451961 * 931.49410242 - 55 * 0.51099895, rel=1e-14)


@pytest.mark.parametrize("name", MOLAR)
def test_target_against_molar_mass(name):
    """Nuclei per kg times molar mass is Avogadro's number times nuclei in a formula unit."""
    material = target(name)
    per_formula = {"NaI": 2}.get(name, 1)
    expected = per_formula * c.N_A / (MOLAR[name] * 1e-3)
    assert sum(material.per_kg) == pytest.approx(expected, rel=2e-4)


def test_natural_germanium_by_hand():
    table = read_csv("nuclides", "isotopes.csv")
    of_element = table["symbol"] == "Ge"
    fractions = table["abundance"][of_element] / table["abundance"][of_element].sum()
    molar = fractions @ table["atomic_mass_u"][of_element]
    np.testing.assert_allclose(target("Ge").per_kg, fractions * c.N_A / (molar * 1e-3), rtol=1e-12)
    assert [n.A for n in target("Ge").nuclei] == [70, 72, 73, 74, 76]
    assert target("Ge").elements == ("Ge",)


def test_argon_40_counts_with_the_natural_molar_mass():
    material = target("40Ar")
    assert material.per_kg == (pytest.approx(6.02214076e23 / 39.948e-3, rel=1e-14),)
    assert material.nuclei == (isotope("40Ar"),)


def test_every_target_is_made():
    assert {"CsI", "Ar", "40Ar", "Ge", "NaI", "Na", "Xe", "Si"} <= set(target_names())
    for name in target_names():
        material = target(name)
        mass_kg = sum(
            n * nucleus.mass * 1.78266192e-30
            for n, nucleus in zip(material.per_kg, material.nuclei, strict=True)
        )
        assert mass_kg == pytest.approx(1.0, rel=2e-3)


def test_radii():
    """Literature values where there are any; elsewhere the charge radius less nucleon sizes."""
    assert theory_radii(isotope("133Cs")) == (4.804, 5.01)
    assert theory_radii(isotope("127I")) == (4.749, 4.94)
    assert theory_radii(isotope("40Ar")) == (3.448, 3.548)
    ge = isotope("74Ge")
    R_p, R_n = theory_radii(ge)
    nucleon = 0.8414**2 + 42 / 32 * -0.1161 + 3 / (4 * (938.92 / c.hbar_c) ** 2)
    assert R_p == pytest.approx((4.0742**2 - nucleon) ** 0.5, abs=2e-5)
    assert R_n - R_p == pytest.approx(0.1, rel=1e-12)


def test_reference_isotopes_are_the_most_abundant():
    names = {s: reference_isotope(s).name for s in ("Ar", "Ge", "Xe", "Si", "Na")}
    assert names == {"Ar": "40Ar", "Ge": "74Ge", "Xe": "132Xe", "Si": "28Si", "Na": "23Na"}


@pytest.mark.parametrize(
    ("make", "name", "near"),
    [(isotope, "133cs", "133Cs"), (target, "CsII", "CsI"), (reference_isotope, "Gee", "Ge")],
)
def test_unknown_names(make, name, near):
    with pytest.raises(UnknownNameError, match=rf"'{name}'; did you mean .*{near}"):
        make(name)
