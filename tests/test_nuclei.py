"""Constants, isotope table, targets and radii against golden values and hand formulas."""

import numpy as np
import pytest
from support import helpers

from cevnsjax.core import constants as c
from cevnsjax.core import units
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.formula import atoms_of
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.nuclei import isotope, reference_isotope, target, target_names, theory_radii
from cevnsjax.rate import dR_dT_nr
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
    assert np.all(table["A"] >= 2 * table["Z"] - 1)
    odd = table["A"] % 2 == 1
    np.testing.assert_array_equal((table["spin"] * 2) % 2, odd.astype(float))
    heavy = table["A"] > 20
    radius = 0.9 * table["A"][heavy] ** (1 / 3) + 0.35
    np.testing.assert_allclose(table["charge_radius_fm"][heavy], radius, atol=0.25)


def test_every_natural_element():
    """1 to 92 less Tc, Pm and Po to Ac; radii that are not measured follow the formula."""
    table = read_csv("nuclides", "isotopes.csv")
    assert set(table["Z"]) == set(range(1, 93)) - {43, 61, *range(84, 90)}
    A, Z = table["A"], table["Z"]
    formula = 0.6**0.5 * 1.240 * (1 + 1.646 / A - 0.191 * (A - 2 * Z) / A) * np.cbrt(A)
    guessed = table["radius"] == "formula"
    names = [f"{a:.0f}{s}" for a, s in zip(A[guessed], table["symbol"][guessed], strict=True)]
    assert names == ["33S", "50V", "180Ta", "231Pa"]
    np.testing.assert_allclose(table["charge_radius_fm"][guessed], formula[guessed], atol=5e-4)
    heavy = A > 24
    np.testing.assert_allclose(table["charge_radius_fm"][heavy], formula[heavy], rtol=0.03)
    for name in (f"{a:.0f}{s}" for a, s in zip(A, table["symbol"], strict=True)):
        R_p, R_n = theory_radii(isotope(name))
        assert 0 < R_p < R_n < 6


# Standard atomic weights of IUPAC, abridged: T. Prohaska et al., Pure Appl. Chem. 94, 573; for Li
# the middle of the interval, 6.938 to 6.997.
WEIGHTS = {
    "H": 1.0080, "He": 4.0026, "Li": 6.9675, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998,
    "Al": 26.982, "S": 32.06, "Cl": 35.45, "Ca": 40.078, "Ti": 47.867, "Fe": 55.845, "Ni": 58.693,
    "Cu": 63.546, "Zn": 65.38, "Se": 78.971, "Br": 79.904, "Mo": 95.95, "Sn": 118.71, "Te": 127.60,
    "La": 138.91, "Gd": 157.25, "W": 183.84, "Hg": 200.59, "Tl": 204.38, "Pb": 207.2, "Bi": 208.98,
    "Th": 232.04, "U": 238.03,
}  # fmt: skip


@pytest.mark.parametrize("element", WEIGHTS)
def test_atomic_weights(element):
    assert c.N_A * 1e3 / sum(target(element).per_kg) == pytest.approx(WEIGHTS[element], rel=6e-4)


def test_formulas():
    """Numbers of atoms by hand; a dopant, an order and a mapping change nothing."""
    tungstate = target("CaWO4")
    by_element = dict.fromkeys(tungstate.elements, 0.0)
    for nucleus, number in zip(tungstate.nuclei, tungstate.per_kg, strict=True):
        by_element[nucleus.symbol] += number
    formula_units = c.N_A * 1e3 / (40.078 + 183.84 + 4 * 15.999)
    np.testing.assert_allclose(list(by_element.values()), np.array([1, 1, 4]) * formula_units, 1e-4)
    assert target({"Ca": 1, "W": 1, "O": 4}).per_kg == tungstate.per_kg
    assert target("NaI(Tl)") == target("NaI") == target("NaI[Tl]")
    assert target("CsI(Na)") == target("CsI")
    assert atoms_of("Ca10(PO4)6(OH)2") == {"Ca": 10, "P": 6, "O": 26, "H": 2}
    assert atoms_of("C3F8") == {"C": 3, "F": 8}
    assert target("76Ge").nuclei == (isotope("76Ge"),)
    for text in ("", "csi", "CsII", "Ca(OH)", "NaI0", "Na I", "(Tl)", "2H", "Al2O3)"):
        assert atoms_of(text) is None, text


def test_a_compound_recoils_as_its_elements():
    """Rates per kg add with mass fractions."""
    flux = DecayAtRest(0.09, 1e23, baseline_m=20.0)
    T = np.array([2e-3, 1e-2])
    rate = {m: dR_dT_nr(T, target(m), flux)["nu_e"] for m in ("CaWO4", "Ca", "W", "O")}
    weights = {"Ca": 40.078, "W": 183.84, "O": 4 * 15.999}
    expected = sum(w * rate[m] for m, w in weights.items()) / sum(weights.values())
    np.testing.assert_allclose(rate["CaWO4"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("material", "message"),
    [
        ({"Ge": 1, "76Ge": 1}, "atoms has 76Ge twice; keep one"),
        ({"Na": 0, "I": 1}, "atoms of Na must be > 0, got 0"),
        ({"Na": float("nan")}, "atoms of Na must be a finite number"),
    ],
)
def test_wrong_atoms(material, message):
    with pytest.raises(InputError, match=message):
        target(material)


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
    [
        (lambda n: target({n: 1}), "Tc", "T"),
        (isotope, "133cs", "133Cs"),
        (target, "CsII", "CsI"),
        (reference_isotope, "Gee", "Ge"),
    ],
)
def test_unknown_names(make, name, near):
    with pytest.raises(UnknownNameError, match=rf"'{name}'; did you mean .*{near}"):
        make(name)
