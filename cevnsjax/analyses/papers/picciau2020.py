"""Cadeddu et al., PRD 102, 015030 and 101, 033004 (slides of E. Picciau, 2020): argon and CsI 2017.

Argon: 12 background-subtracted energies, 24 kg, 13.7e22 protons, no smearing, CEvNS 13.4 % (13.2 %
where R_n is free), prompt and delayed neutrons 32 % and 100 %. CsI: 14.6 kg, variance C + AC, CEvNS
11.2 %, neutrons 25 %, quenching 5.1 % inside n_PE; the authors' quenching curve is not published, a
tuned proxy replaces it. Printed couplings; R_n 5.01, 4.94 and 3.548 fm for Cs, I
and Ar, R_p 3.448 fm for Ar, the package's defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cevnsjax.analyses.papers import Analysis, Interactions
from cevnsjax.core import checks
from cevnsjax.core.errors import InputError
from cevnsjax.core.types import RealLike, Values
from cevnsjax.experiments import csi_2017, lar_2020
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.interactions import Charges, MagneticMoment, NucleusAtNodes, StandardModel
from cevnsjax.model import Model
from cevnsjax.nuclei import Nucleus, Target, target
from cevnsjax.numerics import total
from cevnsjax.parameters import Parameter

_DATA = ("csi", "ar", "csi+ar")
_ARGON_SD = {"fixed": 0.134, "free": 0.132, "skin": 0.132}
_COUPLINGS = "erler_su_printed"
# Options of the CsI experiment by statistic.
_CSI = {
    "spectrum": {"variance": "C+AC", "pulls": {"sig": 0.112, "brn": 0.25}},
    "time": {"statistic": "time", "pulls": {"sig": 0.112, "brn": 0.25, "ss": 0.05}},
}


def picciau2020(
    data: str = "csi+ar",
    *,
    radius: str = "fixed",
    statistic: str = "spectrum",
    threshold_kevee: float | None = None,
    interactions: Interactions = (),
) -> Model:
    """The analysis of Cadeddu et al., PRD 102, 015030, as the slides of 2020 show it.

    Args:
        data: "csi", "ar" or "csi+ar".
        radius: "fixed", or "free" for the argon signal's error without the form factor's part;
            naming R_n_Ar implies it. The paper considers only R_n(Ar) above R_p = 3.448 fm. "skin"
            is "free", with one neutron skin dR_np for Cs and I in place of R_n_Cs and R_n_I.
        statistic: For the CsI data: "spectrum" for the chi2 in energy, or "time" for 12 x 12
            Poisson cells of photoelectrons and time, as in the electromagnetic tables.
        threshold_kevee: Cut on the argon efficiency, 1.75 in the electromagnetic tables [keVee].
        interactions: Interactions beyond the Standard Model.

    Raises:
        UnknownNameError: At an unknown option value.
        InputError: At an option of data that were not chosen.

    Examples:
        >>> model = cj.analyses.picciau2020("ar", radius="free")
        >>> {name: e.pulls[0].sd for name, e in model.experiments.items()}
        {'lar-2020': 0.132}
    """
    checks.known(
        "picciau2020", data=(data, _DATA), radius=(radius, _ARGON_SD), statistic=(statistic, _CSI)
    )
    if "ar" not in data and (threshold_kevee is not None or radius == "free"):
        raise InputError("picciau2020: threshold_kevee and radius act on argon; add it to data")
    misplaced = {"statistic": (statistic, "time"), "radius": (radius, "skin")}
    for option, (value, on_csi) in misplaced.items():
        if "csi" not in data and value == on_csi:
            raise InputError(f"picciau2020: {option}={value} acts on CsI; add it to data")
    experiments = [_csi(statistic)] if "csi" in data else []
    if "ar" in data:
        pulls = {"sig": _ARGON_SD[radius]}
        experiments.append(lar_2020(threshold_kevee=threshold_kevee, pulls=pulls))
    sm = _SkinOfCsI(_COUPLINGS) if radius == "skin" else StandardModel(_COUPLINGS)
    return Model(experiments, [sm, *interactions], name="picciau2020")


def _csi(statistic: str) -> Experiment:
    options: dict[str, Any] = _CSI[statistic]
    return csi_2017("c20_proxy", mass_kg=14.6, shape="qf_scale", qf_sd=0.051, **options)


@dataclass(frozen=True)
class _SkinOfCsI(StandardModel):
    """R_n = R_p + dR_np for cesium and iodine only; the papers vary argon's radius separately."""

    def parameters(self, targets: Sequence[Target]) -> list[Parameter]:
        """Parameters of the Standard Model, with dR_np in place of R_n_Cs and R_n_I."""
        untied = [p for p in super().parameters(targets) if p.name not in ("R_n_Cs", "R_n_I")]
        skin = StandardModel(self.couplings, radii="skin").parameters([target("CsI")])[-1]
        return [*untied, replace(skin, meaning="neutron skin R_n - R_p of Cs and I")]

    def radii_of(self, values: Values, nucleus: Nucleus) -> tuple[RealLike, RealLike]:
        """Radii of the Standard Model; R_n of cesium and iodine follow from the skin [fm]."""
        if nucleus.symbol in ("Cs", "I"):
            R_p = values[f"R_p_{nucleus.symbol}"]
            return R_p, R_p + values["dR_np"]
        return super().radii_of(values, nucleus)


class AveragedMoment(MagneticMoment):
    """Magnetic moments whose rate on argon has the mean spectrum of the three sources.

    The papers' limits on argon have mu_nu_e/mu_nu_mu = sqrt2 at every level, as follows from a rate
    proportional to mu_nu_e^2 + 2 mu_nu_mu^2, to which each source contributes equally. With the
    spectrum of each source the ratio is 1.52 to 1.56. Other nuclei behave as ``MagneticMoment``.
    """

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:
        """Magnetic strengths by source."""
        charges = super().__call__(values, nucleus)
        if nucleus.nucleus.symbol != "Ar":
            return charges
        mean = total(list(charges.magnetic.values())) / len(nucleus.sources)
        return Charges(magnetic=dict.fromkeys(nucleus.sources, mean))


ANALYSIS = Analysis(
    picciau2020,
    conventions={"charge_radius": {"reading": "total"}, "light_vector": {"loop": "q0"}},
    variants={"R_n_Ar": {"radius": "free"}},
)
