"""What a neutrino source is, whatever makes its neutrinos."""

from types import ModuleType
from typing import Protocol, runtime_checkable

from cevnsjax.core.kinematics import Kinematics
from cevnsjax.core.types import Moments, Numbers, Survival
from cevnsjax.flux.oscillation import NodesAbove


@runtime_checkable
class NeutrinoSource(Protocol):
    """A fluence with known spectra: what rates and experiments ask of a source.

    A source is frozen and hashable, so that it can be a static part of a compiled program.
    ``isinstance`` checks only that the names exist.

    Examples:
        >>> isinstance(cj.SolarB8(exposure_days=365.0), cj.NeutrinoSource)
        True
    """

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the neutrino sources, e.g. "nu_e_bar"; all have the same fluence."""
        ...

    @property
    def fluence(self) -> float:
        """Time-integrated flux of each source at the detector [1/cm^2]."""
        ...

    @property
    def baseline_m(self) -> float:
        """Distance from source to detector [m]."""
        ...

    @property
    def kink_energies(self) -> tuple[float, ...]:
        """Energies whose end-point recoils are kinks of the rate, the highest last [MeV]."""
        ...

    def spectrum(self, source: str, E_nu: Numbers, xp: ModuleType) -> Numbers:
        """Unit-normalised spectrum of a source, shaped like ``E_nu`` [1/MeV].

        Args:
            source: One of ``sources`` that is not a line.
            E_nu: Neutrino energy [MeV].
            xp: numpy or jax.numpy.
        """
        ...

    def moments(
        self,
        T_nr: Numbers,
        mass: float,
        kinematics: Kinematics,
        xp: ModuleType,
        survival: Survival | None = None,
    ) -> dict[str, Moments]:
        """Moments I_0, I_1, I_2 of each unit-normalised source above E_min(T_nr).

        Args:
            T_nr: Recoil energies, [node] [MeV].
            mass: Nuclear mass [MeV].
            kinematics: Convention of E_min.
            xp: numpy or jax.numpy.
            survival: Probability to arrive, as a function of source and E_nu [MeV].

        Returns:
            {source: (I_0, I_1, I_2)}, each [node] [MeV^-k].
        """
        ...


@runtime_checkable
class OscillatingSource(NeutrinoSource, Protocol):
    """A source whose moments with any survival probability have nodes that can be prepared.

    For other sources all of it is done inside the trace.
    """

    def nodes_above(self, E_min: Numbers, xp: ModuleType) -> dict[str, NodesAbove]:
        """Nodes of the moments above E_min, by source.

        Args:
            E_min: Lower bounds, of any shape; those of the nodes are flat [MeV].
            xp: numpy or jax.numpy.
        """
        ...
