"""Isotopes, targets and nuclear radii: data from ``data/nuclides``, arithmetic here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cevnsjax.core import constants as c
from cevnsjax.core.checks import number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.formula import atoms_of, without_dopant
from cevnsjax.tables import read_csv


@dataclass(frozen=True)
class Nucleus:
    """One isotope, or the electron (``electrons.ELECTRON``).

    Attributes:
        symbol: Element symbol.
        Z: Electric charge: protons, or -1 for the electron [e].
        N: Neutrons.
        mass: Nuclear mass: the atomic mass less that of the electrons [MeV].
        spin: Ground-state spin J [1].
        charge_radius: Root-mean-square charge radius [fm] (Angeli and Marinova 2013; where none is
            measured, the formula that ``data/nuclides`` names).
    """

    symbol: str
    Z: int
    N: int
    mass: float
    spin: float
    charge_radius: float

    @property
    def A(self) -> int:
        """Mass number."""
        return self.Z + self.N

    @property
    def name(self) -> str:
        """Symbol with mass number, e.g. ``133Cs``; ``e`` for the electron."""
        return self.symbol if self.is_electron else f"{self.A}{self.symbol}"

    @property
    def is_electron(self) -> bool:
        """Whether it is the electron: of negative charge and without nucleons."""
        return self.Z < 0


@dataclass(frozen=True)
class Target:
    """A material: its nuclei and their numbers.

    Attributes:
        name: Name of the material.
        nuclei: Isotopes.
        per_kg: Number of nuclei of each isotope [1/kg].
    """

    name: str
    nuclei: tuple[Nucleus, ...]
    per_kg: tuple[float, ...]

    @property
    def elements(self) -> tuple[str, ...]:
        """Element symbols, once each, in order; the electron has none."""
        return tuple(dict.fromkeys(n.symbol for n in self.nuclei if not n.is_electron))


@lru_cache(maxsize=1)
def _isotopes() -> dict[str, tuple[Nucleus, float, float]]:
    table = read_csv("nuclides", "isotopes.csv")
    isotopes = {}
    for i, symbol in enumerate(table["symbol"]):
        Z, A = int(table["Z"][i]), int(table["A"][i])
        atomic_mass = float(table["atomic_mass_u"][i])
        nucleus = Nucleus(
            symbol=str(symbol),
            Z=Z,
            N=A - Z,
            mass=atomic_mass * c.u - Z * c.m_e,
            spin=float(table["spin"][i]),
            charge_radius=float(table["charge_radius_fm"][i]),
        )
        isotopes[nucleus.name] = (nucleus, atomic_mass, float(table["abundance"][i]))
    return isotopes


def isotope(name: str) -> Nucleus:
    """The isotope called ``133Cs``, ``40Ar``, ...

    Raises:
        UnknownNameError: Listing the nearest names.
    """
    isotopes = _isotopes()
    if name not in isotopes:
        raise UnknownNameError("isotope", name, isotopes)
    return isotopes[name][0]


@lru_cache(maxsize=64)
def reference_isotope(symbol: str) -> Nucleus:
    """The most abundant isotope of an element; its radii stand for the element's.

    Raises:
        UnknownNameError: Listing the elements that have data.
    """
    isotopes = [entry for entry in _isotopes().values() if entry[0].symbol == symbol]
    if not isotopes:
        symbols = {entry[0].symbol for entry in _isotopes().values()}
        raise UnknownNameError("element", symbol, symbols)
    return max(isotopes, key=lambda entry: entry[2])[0]


# Materials that errors suggest; every formula is one.
_COMMON = ("CsI", "NaI", "Ar", "Ge", "Si", "Xe", "Al2O3", "CaWO4", "C3F8", "Cs", "I", "Na")
# 40Ar kinematics with the molar mass of natural argon, as Cadeddu et al. PRD 102, 015030 count.
_AR40_MOLAR = 39.948


def target_names() -> tuple[str, ...]:
    """Some names that ``target`` knows, beside every other formula."""
    return (*_COMMON, "40Ar")


def target(material: str | Mapping[str, float]) -> Target:
    """A detector material by formula, or by its atoms.

    Elements carry all their natural isotopes with their mole fractions; isotopes are named as 76Ge.
    An element in brackets at the end of a formula is a dopant and left out: NaI(Tl) is NaI.
    ``40Ar`` is argon treated as one isotope with the natural molar mass, 39.948 g/mol.

    Args:
        material: A formula, or numbers of atoms in a formula unit by element or isotope [1].

    Raises:
        UnknownNameError: If it is no formula, or at an unknown element or isotope.
        InputError: At a number of atoms that is not positive, or an isotope that comes twice.

    Examples:
        >>> [nucleus.name for nucleus in cj.target("CsI").nuclei]
        ['133Cs', '127I']
        >>> len(cj.target("Xe").nuclei), cj.target("CaWO4").elements
        (9, ('Ca', 'W', 'O'))
        >>> cj.target({"Na": 1, "I": 1}) == cj.target("NaI(Tl)")
        True
    """
    if isinstance(material, str):
        name = without_dopant(material)
        if name == "40Ar":
            return Target(name, (isotope(name),), (c.N_A / (_AR40_MOLAR * 1e-3),))
        atoms = {name: 1.0} if name in _isotopes() else atoms_of(name)
        if not atoms:
            raise UnknownNameError("material", material, target_names())
    else:
        atoms = {n: number(f"atoms of {n}", count) for n, count in material.items()}
        for n, count in atoms.items():
            if not count > 0:
                raise InputError(f"atoms of {n} must be > 0, got {count:g}")
        name = "".join(f"{n}{count:g}" if count != 1 else n for n, count in atoms.items())
    return _compound(name, atoms)


def _compound(name: str, atoms: Mapping[str, float]) -> Target:
    nuclei: list[Nucleus] = []
    moles: list[float] = []
    molar_mass = 0.0
    for part, count in atoms.items():
        for nucleus, atomic_mass, fraction in _parts(part):
            if nucleus in nuclei:
                raise InputError(f"atoms has {nucleus.name} twice; keep one")
            nuclei.append(nucleus)
            moles.append(count * fraction)
            molar_mass += count * fraction * atomic_mass
    per_kg = tuple(m * c.N_A / (molar_mass * 1e-3) for m in moles)
    return Target(name, tuple(nuclei), per_kg)


def _parts(part: str) -> list[tuple[Nucleus, float, float]]:
    """Isotopes of an element, or one isotope: nucleus, atomic mass [u] and mole fraction [1]."""
    isotopes = _isotopes()
    if part in isotopes:
        nucleus, mass, _ = isotopes[part]
        return [(nucleus, mass, 1.0)]
    natural = [entry for entry in isotopes.values() if entry[0].symbol == part]
    if not natural:
        known = dict.fromkeys([entry[0].symbol for entry in isotopes.values()])
        raise UnknownNameError("element or isotope", part, [*known, *isotopes])
    total = sum(fraction for _, _, fraction in natural)
    return [(n, mass, fraction / total) for n, mass, fraction in natural]


@lru_cache(maxsize=1)
def _spins() -> dict[str, tuple[float, float]]:
    table = read_csv("nuclides", "spins.csv")
    return {
        str(name): (float(p), float(n))
        for name, p, n in zip(table["nucleus"], table["S_p"], table["S_n"], strict=True)
    }


def spin_expectation(nucleus: Nucleus) -> tuple[float, float]:
    """Spin expectation values <S_p>, <S_n> of an isotope, 0 if it is not tabulated [hbar].

    Klos, Menendez, Gazit and Schwenk, PRD 88, 083516; 19F and 133Cs from codes that
    ``data/nuclides`` names. Other values for 133Cs give a third of its squared axial charge.
    """
    return _spins().get(nucleus.name, (0.0, 0.0))


# Point-nucleon rms radii used by the CEvNS literature [fm]: Cadeddu et al., PRD 101, 033004 (Cs, I)
# and PRD 102, 015030 (Ar); nuclear-model R_n quoted there.
_THEORY_RADII = {"133Cs": (4.804, 5.01), "127I": (4.749, 4.94), "40Ar": (3.448, 3.548)}
# Charge to point-proton: R_p^2 = R_ch^2 - <r_p^2> - (N/Z) <r_n^2> - 3/(4 M^2).
_PROTON_R2, _NEUTRON_R2, _DARWIN = 0.8414**2, -0.1161, 0.033
_DEFAULT_SKIN = 0.1


def theory_radii(nucleus: Nucleus) -> tuple[float, float]:
    """Default point-proton and point-neutron rms radii of an isotope [fm].

    Literature values for 133Cs, 127I and 40Ar. Elsewhere R_p follows from the charge radius of
    Angeli and Marinova (At. Data Nucl. Data Tables 99, 69) and R_n = R_p + 0.1 fm: a rough
    neutron skin, to be fitted or replaced, not a prediction.

    Returns:
        R_p and R_n [fm].
    """
    if nucleus.name in _THEORY_RADII:
        return _THEORY_RADII[nucleus.name]
    point = nucleus.charge_radius**2 - _PROTON_R2 - nucleus.N / nucleus.Z * _NEUTRON_R2 - _DARWIN
    R_p = point**0.5
    return R_p, R_p + _DEFAULT_SKIN
