"""The Standard Model: weak charges, nuclear radii and the convention of the kinematics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import Kinematics, require_kinematics
from cevnsjax.core.types import AtNodes, RealLike, Reals, Values
from cevnsjax.couplings import FLAVOURS, coupling_scheme, running_couplings
from cevnsjax.form_factors import FORM_FACTORS, FormFactor, Helm, is_near
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.electrons import weak_charges
from cevnsjax.nuclei import Nucleus, Target, reference_isotope, spin_expectation, theory_radii
from cevnsjax.parameters import Parameter

Radii = Literal["per_nucleus", "common", "skin", "nuclear", "formula"]
RADII: tuple[Radii, ...] = ("per_nucleus", "common", "skin", "nuclear", "formula")
_R_MAX = 12.0
# Bound on the sum of R_p, the largest skin and isotope shifts [fm].
_R_SUM_MAX = 14.2


@dataclass(frozen=True)
class StandardModel:
    """Standard Model CEvNS; one per Model, shared by all its experiments.

    Attributes:
        couplings: "erler_su", "erler_su_printed", "pdg2018" or "tree"; sets the default of
            sin2_theta_w and its slope.
        form_factor: A family with its constants, or its name.
        radii: Which radii are parameters. "per_nucleus": R_p_<El> and R_n_<El>; "common": one R_n
            for all neutrons; "skin": R_n = R_p + dR_np; "nuclear": one R_n for protons and
            neutrons of all nuclei (Papoulias, PRD 102, 113004); "formula": none, the family's
            own R(A) serves both.
        kinematics: "approximate", "exact" or "ngi".
        axial: Add the axial current of nuclei with tabulated spin expectation values; it
            interferes with the vector current for spin 1/2.
        running: Charge radii and weak mixing angle of "erler_su" run, from sin2_theta_w at q^2 = 0.

    Raises:
        UnknownNameError: At an unknown scheme, family, radii option or kinematics.
        InputError: If a scheme other than "erler_su" is to run.

    Examples:
        >>> sm = cj.StandardModel("pdg2018", form_factor="klein_nystrand", radii="skin")
        >>> cj.Model(csi, [sm]).parameters.names(kind="theory")
        ('sin2_theta_w', 'R_p_Cs', 'R_p_I', 'dR_np')
    """

    couplings: str = "erler_su"
    form_factor: FormFactor | str = field(default_factory=Helm)
    radii: Radii = "per_nucleus"
    kinematics: Kinematics = "approximate"
    axial: bool = False
    running: bool = False
    on_electrons: ClassVar[bool] = True

    @property
    def family(self) -> FormFactor:
        """The form-factor family, which ``form_factor`` may give by name."""
        assert not isinstance(self.form_factor, str)
        return self.form_factor

    @property
    def structures(self) -> tuple[str, ...]:
        """Parts of ``Charges`` it fills."""
        return ("vector", "axial", "interference") if self.axial else ("vector",)

    def __post_init__(self) -> None:
        checks.flag("axial", self.axial)
        coupling_scheme(self.couplings)
        if checks.flag("running", self.running) and self.couplings != "erler_su":
            raise InputError(f"running=True needs couplings='erler_su', got {self.couplings!r}")
        require_kinematics(self.kinematics)
        if self.radii not in RADII:
            raise UnknownNameError("radii option", self.radii, RADII)
        if isinstance(self.form_factor, str):
            if self.form_factor not in FORM_FACTORS:
                raise UnknownNameError("form factor", self.form_factor, FORM_FACTORS)
            object.__setattr__(self, "form_factor", FORM_FACTORS[self.form_factor]())
        elif not hasattr(self.form_factor, "R_rms"):
            raise UnknownNameError("form factor", self.form_factor, FORM_FACTORS)

    def parameters(self, targets: Sequence[Target]) -> list[Parameter]:
        """sin2_theta_w and the radii that the targets and the ``radii`` option call for."""
        return [self._weak_mixing_angle(), *self._radius_parameters(targets)]

    def _weak_mixing_angle(self) -> Parameter:
        scheme = coupling_scheme(self.couplings)
        return Parameter(
            name="sin2_theta_w",
            meaning=f"weak mixing angle at low energy ({self.couplings} couplings)",
            default=scheme.sin2_theta_w,
            bounds=(0.0, 1.0),
            physical=(True, True),
            latex=r"\sin^2\theta_W",
            scale=0.05,
            source=scheme.source,
            free=True,
            owner="StandardModel",
        )

    def _radius_parameters(self, targets: Sequence[Target]) -> list[Parameter]:
        elements = dict.fromkeys(el for target in targets for el in target.elements)
        if self.radii == "formula" or not elements:
            return []
        defaults = {el: theory_radii(reference_isotope(el)) for el in elements}
        mean_R_n = sum(r[1] for r in defaults.values()) / len(defaults)
        R_n_all = self._radius("R_n", "rms radius of all neutron densities", mean_R_n)
        R_p = [
            self._radius(f"R_p_{el}", f"rms radius of the {el} point-proton density", r[0])
            for el, r in defaults.items()
        ]
        if self.radii == "per_nucleus":
            return R_p + [
                self._radius(f"R_n_{el}", f"rms radius of the {el} point-neutron density", r[1])
                for el, r in defaults.items()
            ]
        if self.radii == "common":
            return [*R_p, R_n_all]
        if self.radii == "nuclear":
            return [self._radius("R_n", "rms radius of all nucleon densities", mean_R_n)]
        return [*R_p, _skin(sum(r[1] - r[0] for r in defaults.values()) / len(defaults))]

    def _radius(self, name: str, meaning: str, default: float) -> Parameter:
        kind, _, element = name.partition("_")[2].partition("_")
        latex = f"R_{kind}" + (rf"(\mathrm{{{element}}})" if element else "")
        return Parameter(
            name=name,
            meaning=meaning,
            default=default,
            bounds=(self.family.R_min, _R_MAX),
            physical=(True, False),
            unit="fm",
            latex=latex,
            scale=0.5,
            source="data/nuclides; PRD 101, 033004; PRD 102, 015030",
            owner="StandardModel",
        )

    def radii_of(self, values: Values, nucleus: Nucleus) -> tuple[RealLike, RealLike]:
        """Rms radii R_p and R_n of one isotope; the same object twice where one serves both [fm].

        Args:
            values: All parameters of the model.
            nucleus: The isotope.
        """
        if self.radii in ("formula", "nuclear"):
            R = self.family.R_rms(nucleus.A) if self.radii == "formula" else values["R_n"]
            return R, R
        shift_p, shift_n = _isotope_shift(nucleus)
        R_p = values[f"R_p_{nucleus.symbol}"] + shift_p
        if self.radii == "per_nucleus":
            return R_p, values[f"R_n_{nucleus.symbol}"] + shift_n
        return R_p, values["R_n"] if self.radii == "common" else R_p + values["dR_np"]

    def form_factors(
        self, values: Values, nucleus: Nucleus, q2: AtNodes, q2_max: float = math.inf
    ) -> tuple[Reals, Reals]:
        """Proton and neutron form factors of one isotope.

        Args:
            values: All parameters of the model.
            nucleus: The isotope.
            q2: Momentum transfer squared, [node] [MeV^2].
            q2_max: Upper bound on ``q2``; a low one saves work [MeV^2].

        Returns:
            F_p and F_n, [node] [1]; the same array twice where one radius serves both.
        """
        R_p, R_n = self.radii_of(values, nucleus)
        F_p = self.amplitude(q2, R_p, q2_max)
        return F_p, F_p if R_n is R_p else self.amplitude(q2, R_n, q2_max)

    def amplitude(self, q2: AtNodes, R_rms: RealLike, q2_max: float = math.inf) -> Reals:
        """Form factor at rms radii within the bounds of the parameters, broadcast [1].

        Args:
            q2: Momentum transfer squared [MeV^2].
            R_rms: Rms radius [fm].
            q2_max: Upper bound on ``q2``; a low one saves work [MeV^2].
        """
        return self.family(q2, R_rms, near=is_near(q2_max, _R_SUM_MAX))

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Q_aa = g_Vp(a) Z F_p + g_Vn N F_n for every source, or what an electron has."""
        s2 = values["sin2_theta_w"]
        if nucleus.nucleus.is_electron:
            return weak_charges(s2, nucleus, running=self.running)
        if self.running:
            g_Vp, g_Vn = running_couplings(s2, nucleus.q2)
        else:
            g_Vp, g_Vn = coupling_scheme(self.couplings).couplings(s2)
        neutrons = g_Vn * nucleus.NF_n
        flavours = {s: SOURCE_FLAVOUR[s] for s in nucleus.sources}
        amplitude = {
            flavour: g * nucleus.ZF_p + neutrons
            for flavour, g in zip(FLAVOURS, g_Vp, strict=True)
            if flavour in flavours.values()
        }
        vector = {(s, f): amplitude[f] for s, f in flavours.items()}
        spin_charge = _axial_charge(nucleus) if self.axial else None
        if spin_charge is None:
            return Charges(vector=vector)
        return Charges(vector=vector, axial=dict.fromkeys(vector, spin_charge))


def _skin(default: float) -> Parameter:
    return Parameter(
        name="dR_np",
        meaning="neutron skin R_n - R_p, common to all nuclei",
        default=default,
        bounds=(-2.0, 2.0),
        unit="fm",
        latex=r"\Delta R_{np}",
        scale=0.5,
        source="mean of the default radii",
        owner="StandardModel",
    )


def _isotope_shift(nucleus: Nucleus) -> tuple[float, float]:
    """How far an isotope's default radii lie from those of its element's reference isotope [fm].

    The parameters of an element are the radii of its most abundant isotope and move all its
    isotopes together.
    """
    R_p, R_n = theory_radii(nucleus)
    R_p_reference, R_n_reference = theory_radii(reference_isotope(nucleus.symbol))
    return R_p - R_p_reference, R_n - R_n_reference


_G_AXIAL = 1.27 / 2
"""g_Ap = -g_An at tree level, half the nucleon's axial charge [1]."""


def _axial_charge(nucleus: NucleusAtNodes) -> AtNodes | None:
    """Q_A = sqrt((4/3)(J+1)/J) (g_Ap <S_p> F_p + g_An <S_n> F_n); None without spin [1].

    The point-nucleon form factors stand in for the spin structure functions.
    """
    S_p, S_n = spin_expectation(nucleus.nucleus)
    J = nucleus.nucleus.spin
    if J == 0 or (S_p == 0 and S_n == 0):
        return None
    weight = _G_AXIAL * math.sqrt(4 / 3 * (J + 1) / J)
    return weight * (S_p * nucleus.F_p - S_n * nucleus.F_n)
