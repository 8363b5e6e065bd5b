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
_ISOTOPES = {"Cs": "133Cs", "I": "127I", "Ar": "40Ar"}
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
    """One parameter, the range to search in its unit, and values of other parameters."""

    parameter: str
    within: tuple[float, float]
    fixed: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The parameter and what is fixed, as a table shows them."""
        return ", ".join([self.parameter, *(f"{n} = {x:g} MeV" for n, x in self.fixed.items())])


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
            out.append(Scanned(coupling, (0.0, reach), {mass: m}))
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


def profiles_in(group: Iterable[Scanned], model: Model) -> dict[str, ProfileResult]:
    """Profiles of one parameter at a time, by name."""
    return {s.name: limits(model, s.parameter, s.within, fixed=s.fixed) for s in group}


def _table(title: str, profiled: Mapping[str, ProfileResult], note: str = "") -> ResultTable:
    rows = [(name, result.unit, *cells(result)) for name, result in profiled.items()]
    return ResultTable(title, _COLUMNS, tuple(rows), note)


def result() -> Result:
    """All tables, and profiles of the weak mixing angle and of couplings to d quarks."""
    model, tables, shown = joint_model(), [], {}
    for title, group in GROUPS.items():
        profiled = profiles_in(group(), model)
        shown |= profiled
        tables.append(_table(title, profiled, _NOTES.get(title, "")))
    tables.insert(1, _each_alone())
    return Result(tables, {"profiles": _figure(shown)})


def _each_alone() -> ResultTable:
    """The weak mixing angle and radii from each experiment by itself."""
    angle = Scanned("sin2_theta_w", (0.0, 0.7))
    lar = Model(lar_2020(split_flux=True), [StandardModel()], name="lar_2020")
    R_p = max(theory_radii(isotope(_ISOTOPES[el]))[0] for el in ("Cs", "I"))
    groups = ((model_of_csi(), [angle, Scanned("R_n", (R_p, 12.0))]), (lar, [angle]))
    profiled = {
        f"{name}, {model.name}": result
        for model, group in groups
        for name, result in profiles_in(group, model).items()
    }
    note = "R_n is one radius for Cs and I, with sin2_theta_w at its default, and the other way."
    return _table("Each experiment alone", profiled, note)


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
