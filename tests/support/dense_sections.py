"""Sources, targets and detectors of the dense folding: the words of a folder as plain functions.

Formulas of the papers and tables of ``data``; none of the package's detector, flux and rate code.
Units: MeV, cm^2, kg.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from support import oracle

from cevnsjax.nuclei import isotope, theory_radii
from cevnsjax.tables import read_csv

S2W = 0.23857


# --- panels ---
def cut(walls, pieces):
    """Walls with every panel cut into as many equal pieces as a function of its ends tells."""
    low, high = ends_of(np.asarray(walls, float))
    number = np.maximum(1, np.ceil(pieces(low, high))).astype(int)
    first = np.repeat(np.cumsum(number) - number, number)
    part = (np.arange(number.sum()) - first) / np.repeat(number, number)
    return np.append(np.repeat(low, number) + part * np.repeat(high - low, number), high[-1])


def ends_of(walls):
    return walls[:-1], walls[1:]


def nodes(low, high, order):
    """Gauss-Legendre nodes and weights of panels, both [panel, node]."""
    x, w = np.polynomial.legendre.leggauss(order)
    half = (high - low)[..., None] / 2
    return (high + low)[..., None] / 2 + half * x, half * w


# --- sources and targets ---
def nuclei(target):
    """Nuclei per kg of a section [target], {nucleus: number}; natural elements or isotopes."""
    compounds = {"CsI": {"Cs": 1, "I": 1}, "NaI": {"Na": 1, "I": 1}}
    material = target.get("material")
    atoms = target.get("atoms") or compounds.get(material, {material: 1})
    return _nuclei(tuple(atoms.items()))


@cache
def _nuclei(atoms):
    table = read_csv("nuclides", "isotopes.csv")
    columns = zip(
        *(table[k] for k in ("symbol", "A", "Z", "atomic_mass_u", "abundance")), strict=True
    )
    known = [(str(s), int(A), int(Z), float(m), float(a)) for s, A, Z, m, a in columns]
    parts = []
    for name, count in atoms:
        rows = [r for r in known if name in (r[0], f"{r[1]}{r[0]}")]
        whole = sum(r[4] for r in rows)
        parts += [(A, Z, mass, s, count * a / whole) for s, A, Z, mass, a in rows]
    molar_mass = sum(mass * moles for _, _, mass, _, moles in parts)
    return {
        oracle.Nucleus(
            Z, A - Z, mass * oracle.U - Z * oracle.M_E, *theory_radii(isotope(f"{A}{symbol}"))
        ): moles * oracle.N_A / (1e-3 * molar_mass)
        for A, Z, mass, symbol, moles in parts
    }


@dataclass(frozen=True)
class Line:
    """The prompt nu_mu of decay at rest; fluence [1/cm^2]."""

    fluence: float
    ends: tuple = (oracle.E_PI,)
    flavour: str = "mu"

    def rate(self, T, nucleus):
        return self.fluence * oracle.vector(
            charge_squared(T, nucleus, "mu"), T, oracle.E_PI, nucleus.mass
        )


class Continuum:
    """A source with a density per MeV and cm^2, smooth between the ``breaks`` [MeV]."""

    def __init__(self, density, breaks, ends, flavour, step):
        ratio = 1 + 0.1 * step
        self.density, self.ends, self.flavour = density, tuple(ends), flavour
        self.walls = cut(breaks, lambda a, b: np.log(b / a) / np.log(ratio))
        parts = self._above(self.walls[:-1], self.walls[1:])
        self.whole = [np.append(np.cumsum(p[::-1])[::-1], 0.0) for p in parts]

    def _above(self, low, high):
        """Integrals of the density, and of the density over E^2, from low to high."""
        E, w = nodes(low, high, 8)
        # Nodes lie inside a panel, so that a step at its end does not matter.
        f = w * self.density(E)
        return np.sum(f, axis=-1), np.sum(f / E**2, axis=-1)

    def rate(self, T, nucleus):
        M = nucleus.mass
        low = np.clip(oracle.E_min(T, M), self.walls[0], self.walls[-1])
        i = np.clip(np.searchsorted(self.walls, low, side="right") - 1, 0, len(self.walls) - 2)
        rest = self._above(low, self.walls[i + 1])
        I_0, I_2 = (w[i + 1] + r for w, r in zip(self.whole, rest, strict=True))
        scale = oracle.G_F**2 * M / np.pi * oracle.HBARC2 * charge_squared(T, nucleus, self.flavour)
        return scale * (I_0 - M * T / 2 * I_2)


def charge_squared(T, nucleus, flavour):
    """Weak charge squared at a recoil energy."""
    g_p, g_n = oracle.couplings("erler_su", S2W, flavour)
    q = np.sqrt(2 * nucleus.mass * T) / oracle.HBARC
    F_p, F_n = (oracle.helm(q, R) for R in (nucleus.R_p, nucleus.R_n))
    return (g_p * nucleus.Z * F_p + g_n * nucleus.N * F_n) ** 2


def flux(neutrinos, tables, step):
    """The sources of a section [neutrinos]."""
    kind = neutrinos["kind"]
    if kind == "decay_at_rest":
        fluence = oracle.fluence(
            neutrinos["neutrinos_per_proton"],
            neutrinos["protons_on_target"],
            neutrinos["baseline_m"],
        )
        michel = [
            Continuum(
                lambda E, s=source: fluence * oracle.spectrum(E, s),
                [1e-4, 1.0, oracle.E_END],
                [oracle.E_END],
                flavour,
                step,
            )
            for source, flavour in (("nu_mu_bar", "mu"), ("nu_e", "e"))
        ]
        return [*michel, Line(fluence)]
    if kind == "reactor":
        return [_reactor(neutrinos, step)]
    if kind == "table":
        return [_tabulated(neutrinos, tables["spectrum"], step)]
    table = read_csv("flux_solar_b8", "b8.csv")
    E, f = table["energy_mev"], table["shape_per_mev"]
    curve = PchipInterpolator(E, f)
    scale = neutrinos.get("total_per_cm2_s", 5.46e6) * neutrinos["exposure_days"] * 86400
    scale /= curve.integrate(E[0], E[-1])
    return [Continuum(lambda E: scale * curve(E), E, [E[0], E[-1]], "e", step)]


def _tabulated(neutrinos, table, step):
    """Straight lines between points; an energy given twice is a step."""
    E, f = (np.array(table[k], float) for k in ("energy_mev", "density_per_mev"))
    scale = neutrinos["fluence_per_cm2"] / np.sum(np.diff(E) * (f[1:] + f[:-1]) / 2)

    def density(energy):
        i = np.clip(np.searchsorted(E, energy, side="right") - 1, 0, len(E) - 2)
        low, high = E[i], E[i + 1]
        return scale * (
            f[i] + (f[i + 1] - f[i]) * (energy - low) / np.where(high > low, high - low, 1)
        )

    flavour = "e" if neutrinos["flavour"].startswith("nu_e") else "mu"
    return Continuum(density, np.unique(E), np.unique(E), flavour, step)


def _reactor(neutrinos, step):
    """Vogel and Engel's table to 2 MeV, the polynomials of Huber and Mueller above."""
    shares = neutrinos["fission_fractions"]
    heat = read_csv("flux_reactor", "energy_per_fission.csv")
    per_fission = dict(zip(heat["isotope"].tolist(), heat["energy_mev"].tolist(), strict=True))
    energy = sum(a * per_fission[n] for n, a in shares.items()) * 1.602176634e-13
    fissions = 1e9 * neutrinos["thermal_power_gw"] / energy * neutrinos["exposure_days"] * 86400
    scale = fissions / (4 * np.pi * (100 * neutrinos["baseline_m"]) ** 2)
    low = read_csv("flux_reactor", "vogel_engel1989_low.csv")
    E = low["energy_mev"]
    below = PchipInterpolator(E, sum(a * low[f"{n.lower()}_per_mev"] for n, a in shares.items()))
    top = neutrinos.get("E_nu_max_mev", 10.0)

    def density(energy):
        above = sum(a * np.exp(np.polyval(_powers(n)[::-1], energy)) for n, a in shares.items())
        return scale * np.where(energy < E[-1], below(np.minimum(energy, E[-1])), above)

    return Continuum(density, [*E, *np.arange(2.5, top, 0.5), top], [E[0], E[-1], top], "e", step)


@cache
def _powers(name):
    """Coefficients of the published polynomial of an isotope."""
    table = read_csv("flux_reactor", "mueller2011.csv" if name == "U238" else "huber2011.csv")
    row = table["isotope"].tolist().index(name)
    return tuple(float(column[row]) for n, column in table.items() if n != "isotope")


# --- the detector ---
def quenching(section, tables):
    """E_ee(T) [MeV] of a section [quenching], and where it is not smooth [MeV]."""
    if section["kind"] == "constant":
        return (lambda T: section["factor"] * T), []
    if section["kind"] == "polynomial":
        powers = [*section["coefficients_mev"][::-1], 0.0]
        return (lambda T: np.polyval(powers, T)), []
    table = tables[section["file"].removesuffix(".csv")]
    T_table = np.array(table["recoil_energy_kev"], float) * 1e-3
    curve = CubicSpline(T_table, table["quenching_factor"])
    return (lambda T: curve(np.clip(T, T_table[0], T_table[-1])) * T), T_table.tolist()


@dataclass(frozen=True)
class _Efficiency:
    """Efficiency and its slope within a section that no break divides, both of (x, middle)."""

    value: object
    slope: object
    breaks: tuple


def efficiency(section, tables):
    """The section [efficiency] as functions of the reconstructed observable."""
    if section["kind"] == "constant":
        whole = section["value"]
        return _Efficiency(lambda x, _: whole + 0 * x, lambda x, _: 0 * x, ())
    if section["kind"] == "logistic":
        return _logistic(section)
    table = tables[section["file"].removesuffix(".csv")]
    points, y = np.array(table["observable"]), np.array(table["efficiency"])
    cut = max(points[0], section.get("threshold", -np.inf))

    def slope(x, middle):
        i = np.searchsorted(points, middle) - 1
        inside = cut < middle < points[-1]
        return 0 * x + ((y[i + 1] - y[i]) / (points[i + 1] - points[i]) if inside else 0.0)

    def value(x, middle):
        return np.interp(x, points, y) if middle > cut else 0 * x

    return _Efficiency(value, slope, (*points.tolist(), float(cut)))


def _logistic(section):
    a, k, x_0, d = section["a"], section["k"], section["x_0"], section.get("d", 0.0)
    steps = section.get("steps", [])
    # The rise happens within 40/k; beyond it the curve is flat to 1e-17.
    near = [x_0 + m / k for m in (-40, -20, -10, -5, -2, 0, 2, 5, 10, 20, 40)]
    clipped = [x_0 - np.log(-a / d - 1) / k] if -a < d < 0 else []
    rise = lambda x: 0.5 * (1 + np.tanh(0.5 * k * (x - x_0)))  # noqa: E731

    def factor(middle):
        if clipped and middle < clipped[0]:
            return 0.0
        return 1.0 if not steps else next((f for s, f in steps[::-1] if middle >= s), 0.0)

    def value(x, middle):
        return (a * rise(x) + d) * factor(middle)

    def slope(x, middle):
        flat = abs(k * (middle - x_0)) > 40
        return factor(middle) * (0 * x if flat else a * k * rise(x) * (1 - rise(x)))

    return _Efficiency(value, slope, (*near, *clipped, *(s for s, _ in steps)))
