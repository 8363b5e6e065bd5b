"""Active-sterile oscillations in 3+1: disappearance between source and detector.

Papoulias and Kosmas, PRD 97, 033003.
"""

import math
from dataclasses import replace
from types import ModuleType

from cevnsjax.core.errors import InputError
from cevnsjax.core.oscillation import MAX_DM2, MAX_DM2_L, half_phase, max_dm2, resolved
from cevnsjax.core.types import Numbers, Values
from cevnsjax.interactions.charges import SOURCE_FLAVOUR, Charges, NucleusAtNodes
from cevnsjax.interactions.flavour import LATEX, require_names
from cevnsjax.interactions.interaction import Interaction
from cevnsjax.parameters import Parameter

NAMES = ("sin2_2theta", "sin2_2theta_ee", "sin2_2theta_mumu")
_DM2 = "dm2_41"
# The period of chi2 in dm2_41 is that of an oscillation at this part of the highest energy.
_PERIOD_ENERGY, _MOST_STEPS = 0.25, 4000


class Sterile(Interaction):
    """P_aa = 1 - sin^2(2 theta_aa) sin^2(1.267 dm2_41 L/E) multiplies the flux.

    Oscillations are resolved for dm2_41 up to 100 eV^2 and dm2_41 L up to 5000 eV^2 m, on baselines
    up to 50 m; on longer ones the upper bound of dm2_41 is lower.

    Examples:
        >>> flux = cj.DecayAtRest(0.09, 1e23, baseline_m=20.0)
        >>> beyond = (cj.StandardModel(), cj.Sterile("sin2_2theta_ee"))
        >>> values = {"sin2_2theta_ee": 0.5, "dm2_41": 1.0}
        >>> T_nr, csi_target = jnp.array([0.005]), cj.target("CsI")
        >>> rates = cj.dR_dT_nr(T_nr, csi_target, flux, beyond, values)
        >>> (rates["nu_e"] / cj.dR_dT_nr(T_nr, csi_target, flux)["nu_e"]).round(2)
        Array([0.78], dtype=float64)
    """

    key = "sterile"
    owns = (*NAMES, _DM2)
    structures = ()
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Switch mixing angles on; dm2_41 always is a parameter too.

        Args:
            *names: sin2_2theta_ee, sin2_2theta_mumu, or sin2_2theta for all flavours alike;
                the first two if none is given.

        Raises:
            UnknownNameError: At an unknown name.
            InputError: If the common angle is mixed with flavour angles.
        """
        super().__init__(names=require_names("Sterile", names or NAMES[1:], NAMES, NAMES[0]))

    @classmethod
    def from_names(cls, *names: str, **options: object) -> Interaction:
        """Angles by name; dm2_41 alone switches the default angles on."""
        return super().from_names(*(n for n in names if n != _DM2), **options)

    def own_parameters(self) -> list[Parameter]:
        """Mixing angles and dm2_41."""
        angles = []
        for name in self.names:
            flavour = {"sin2_2theta_ee": "e", "sin2_2theta_mumu": "mu"}.get(name)
            index = rf"_{{{LATEX[flavour] * 2}}}" if flavour else ""
            angles.append(
                Parameter(
                    name=name,
                    meaning=f"active-sterile mixing of {flavour or 'all flavours'}",
                    default=0.0,
                    bounds=(0.0, 1.0),
                    physical=(True, True),
                    latex=rf"\sin^2 2\theta{index}",
                    scale=0.1,
                    owner="Sterile",
                )
            )
        mass = Parameter(
            name=_DM2,
            meaning="mass-squared difference of the sterile neutrino",
            default=1.0,
            bounds=(0.0, MAX_DM2),
            physical=(True, False),
            unit="eV^2",
            latex=r"\Delta m^2_{41}",
            scale=0.5,
            owner="Sterile",
        )
        return [*angles, mass]

    def at_source(self, parameter: Parameter, baseline_m: float, E_max: float) -> Parameter:
        """A parameter as a source needs it: dm2_41 up to what is resolved over its baseline.

        Args:
            parameter: One of its own.
            baseline_m: Distance from source to detector [m].
            E_max: Highest energy of its neutrinos [MeV].

        Returns:
            The parameter, with a lower upper bound if the baseline is long, and with starts of
            fits closer than the oscillation in dm2_41.

        Raises:
            InputError: If not even the default of dm2_41 is resolved.
        """
        if parameter.name != _DM2:
            return parameter
        most = min(parameter.bounds[1], max_dm2(baseline_m))
        if most < parameter.default:
            raise InputError(
                f"Sterile: over {baseline_m:g} m oscillations are too fast to be resolved in "
                f"energy; baselines up to {MAX_DM2_L / parameter.default:g} m are"
            )
        # Four steps in the period at an energy below which few neutrinos recoil enough to be seen.
        period = math.pi * _PERIOD_ENERGY * E_max / half_phase(1.0, baseline_m)
        spacing = max(min(parameter.start_spacing, period / 4), most / _MOST_STEPS)
        return replace(parameter, bounds=(parameter.bounds[0], most), start_spacing=spacing)

    def survival(
        self, values: Values, source: str, E_nu: Numbers, baseline_m: float, xp: ModuleType
    ) -> Numbers:
        """Survival probability of a source's neutrinos.

        Args:
            values: All parameters of the model.
            source: Neutrino source.
            E_nu: Neutrino energy [MeV].
            baseline_m: Distance from source to detector [m].
            xp: numpy or jax.numpy.

        Returns:
            Probability, shaped like ``E_nu`` [1].
        """
        flavour = SOURCE_FLAVOUR[source]
        name = "sin2_2theta" if "sin2_2theta" in self.names else f"sin2_2theta_{flavour * 2}"
        if name not in self.names:
            return xp.ones_like(E_nu)
        dm2 = values[_DM2]
        oscillating = xp.sin(half_phase(dm2, baseline_m) / E_nu) ** 2 - 0.5
        return 1 - values[name] * (0.5 + resolved(dm2, E_nu, baseline_m, xp) * oscillating)

    def __call__(self, values: Values, nucleus: NucleusAtNodes) -> Charges:  # noqa: ARG002
        """No charges: oscillations change the flux."""
        return Charges()
