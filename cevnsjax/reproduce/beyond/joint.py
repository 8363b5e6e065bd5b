"""CsI 2021 and argon 2020 together: one parameter at a time, in and beyond the Standard Model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from matplotlib.figure import Figure

from cevnsjax.experiments import csi_2021, lar_2020
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.interactions import (
    NSI,
    ChargeRadius,
    LightScalar,
    LightVector,
    MagneticMoment,
    Millicharge,
    StandardModel,
)
from cevnsjax.model import Model
from cevnsjax.nuclei import isotope, theory_radii
from cevnsjax.reproduce.beyond.limits import cells, limits
from cevnsjax.reproduce.beyond.plane import model_of_csi
from cevnsjax.reproduce.beyond.section import Result, ResultTable
from cevnsjax.reproduce.figures.drawing import ProfilePanel, profile_figure

_COLUMNS = ("parameter", "unit", "best fit", "68.27 % CL", "90 % CL")
_PAIRS = ("ee", "mumu", "emu", "etau", "mutau")
_NSI = tuple(f"eps_{quark}V_{pair}" for quark in "ud" for pair in _PAIRS)
_RADII, _CHARGES = ("r2_nu_ee", "r2_nu_mumu"), tuple(f"q_nu_{pair}" for pair in _PAIRS)
_MOMENTS = ("mu_nu_e", "mu_nu_mu")
MASSES_MEV = (1.0, 10.0, 100.0, 1000.0)
"""Masses of light bosons [MeV]."""
# Typical momentum transfer [MeV].
_Q_MEV = 50.0
# Upper ends of the couplings of massless bosons, past the second minimum of the vector [1].
_MAX_COUPLING = {"g_Zp": 1.4e-4, "g_phi": 1e-4}


@dataclass(frozen=True)
class Scanned:
    """One parameter and the range to search.

    Attributes:
        parameter: Its name.
        within: Range, in its unit.
        fixed: Values of other parameters.
        note: What is fixed, for the table.
    """

    parameter: str
    within: tuple[float, float]
    fixed: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@cache
def joint_model() -> Model:
    """CsI 2021 and argon 2020 with all interactions; couplings that are not varied are 0."""
    beyond = [
        NSI(*_NSI),
        ChargeRadius(*_RADII),
        Millicharge(*_CHARGES),
        MagneticMoment(*_MOMENTS),
        LightVector("universal"),
        LightScalar(),
    ]
    experiments = [csi_2021(split_flux=True), lar_2020(split_flux=True)]
    return Model(experiments, [StandardModel(), *beyond], name="csi_2021 + lar_2020")


def standard_model() -> list[Scanned]:
    """The weak mixing angle, and neutron radii from the proton radius of the nucleus upwards."""
    R_p = {el: theory_radii(isotope(name))[0] for el, name in _ISOTOPES.items()}
    radii = [Scanned(f"R_n_{el}", (r, 12.0)) for el, r in R_p.items()]
    return [Scanned("sin2_theta_w", (0.0, 0.7)), *radii]


_ISOTOPES = {"Cs": "133Cs", "I": "127I", "Ar": "40Ar"}


def couplings() -> list[Scanned]:
    """Nonstandard interactions; of off-diagonal couplings the magnitude."""
    return [Scanned(n, (0.0 if _even(n) else -1.0, 1.0)) for n in _NSI]


def electromagnetic() -> list[Scanned]:
    """Charge radii, electric charges and magnetic moments."""
    return [
        *(Scanned(n, (-120.0, 80.0)) for n in _RADII),
        *(Scanned(n, (0.0 if _even(n) else -60.0, 60.0)) for n in _CHARGES),
        *(Scanned(n, (0.0, 120.0)) for n in _MOMENTS),
    ]


def mediators() -> list[Scanned]:
    """Couplings of light bosons at fixed masses."""
    out = []
    for coupling, largest in _MAX_COUPLING.items():
        mass = coupling.replace("g_", "m_")
        for m in MASSES_MEV:
            reach = largest * (1 + (m / _Q_MEV) ** 2) ** 0.5
            out.append(Scanned(coupling, (0.0, reach), {mass: m}, f"{mass} = {m:g} MeV"))
    return out


def _even(name: str) -> bool:
    return name.rpartition("_")[2] in ("emu", "etau", "mutau")


GROUPS = {
    "Standard Model": standard_model,
    "Nonstandard interactions": couplings,
    "Electromagnetic properties": electromagnetic,
    "Light bosons": mediators,
}
"""Parameters by the title of their table."""
_NOTES = {
    "Standard Model": "R_n is looked for between R_p of the nucleus and 12 fm. CsI alone with one "
    "R_n for both nuclei is in the table below.",
    "Electromagnetic properties": "Charge radii add to the Standard Model's; the sign of q^2 is "
    "that of PRD 102, 015030.",
}


def profiles_in(group: Iterable[Scanned], model: Model) -> list[tuple[Scanned, ProfileResult]]:
    """Intervals of parameters, one parameter at a time."""
    return [(s, limits(model, s.parameter, s.within, fixed=s.fixed)) for s in group]


def table_of(
    title: str, profiled: Iterable[tuple[Scanned, ProfileResult]], note: str = ""
) -> ResultTable:
    """Intervals as a table."""
    rows = []
    for scanned, result in profiled:
        name = scanned.parameter + (f", {scanned.note}" if scanned.note else "")
        rows.append((name, result.unit, *cells(result)))
    return ResultTable(title, _COLUMNS, tuple(rows), note)


def result() -> Result:
    """All tables, and profiles of the weak mixing angle and of couplings to d quarks."""
    model, tables, shown = joint_model(), [], {}
    for title, group in GROUPS.items():
        profiled = profiles_in(group(), model)
        shown |= {s.parameter: result for s, result in profiled}
        tables.append(table_of(title, profiled, _NOTES.get(title, "")))
    tables.insert(1, _each_alone())
    return Result(tables, {"profiles": _figure(shown)})


def _each_alone() -> ResultTable:
    """The weak mixing angle and radii from each experiment by itself."""
    angle = Scanned("sin2_theta_w", (0.0, 0.7))
    csi = model_of_csi()
    lar = Model(lar_2020(split_flux=True), [StandardModel()], name="lar_2020")
    R_p = max(theory_radii(isotope(_ISOTOPES[el]))[0] for el in ("Cs", "I"))
    groups = ((csi, [angle, Scanned("R_n", (R_p, 12.0))]), (lar, [angle]))
    rows = [
        (f"{s.parameter}, {model.name}", r.unit, *cells(r))
        for model, group in groups
        for s, r in profiles_in(group, model)
    ]
    note = "R_n is one radius for Cs and I, with sin2_theta_w at its default, and the other way."
    return ResultTable("Each experiment alone", _COLUMNS, tuple(rows), note)


def _figure(profiled: Mapping[str, ProfileResult]) -> Figure:
    flavours = {"ee": "ee", "mumu": r"\mu\mu", "emu": r"e\mu"}
    coupled = {
        rf"$\varepsilon^{{dV}}_{{{tex}}}$": profiled[f"eps_dV_{pair}"]
        for pair, tex in flavours.items()
    }
    moments = {r"$\mu_{\nu_e}$": profiled["mu_nu_e"], r"$\mu_{\nu_\mu}$": profiled["mu_nu_mu"]}
    return profile_figure(
        ProfilePanel(r"$\sin^2\theta_W$", {"CsI + LAr": profiled["sin2_theta_w"]}),
        ProfilePanel(r"$\varepsilon^{dV}$", coupled),
        ProfilePanel(r"$\mu_\nu$ [$10^{-10}\,\mu_B$]", moments),
        width=3.0,
        height=3.0,
    )
