"""Sources of one flavour with a tabulated spectrum."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import ModuleType

from cevnsjax.core.checks import number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import E_nu_min, Kinematics
from cevnsjax.core.types import Moments, Numbers, Survival
from cevnsjax.flux import oscillation
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.interactions.charges import SOURCE_FLAVOUR


class SpectrumSource(ABC):
    """Base of the sources of one flavour with a tabulated spectrum.

    Attributes:
        baseline_m: Distance from source to detector [m].
    """

    baseline_m: float

    @property
    @abstractmethod
    def sources(self) -> tuple[str, ...]:
        """Name of the one neutrino source."""

    @abstractmethod
    def shape(self) -> Spectrum:
        """The spectrum."""

    @property
    def kink_energies(self) -> tuple[float, ...]:
        """Energies whose end-point recoils are kinks of the folded rate [MeV]."""
        return self.shape().kink_energies

    def spectrum(self, source: str, E_nu: Numbers, xp: ModuleType) -> Numbers:
        """Unit-normalised spectrum.

        Args:
            source: The one name in ``sources``.
            E_nu: Neutrino energy [MeV].
            xp: numpy or jax.numpy.

        Returns:
            Density, shaped like ``E_nu`` [1/MeV].

        Raises:
            UnknownNameError: For any other source.
        """
        if source not in self.sources:
            raise UnknownNameError("continuous source", source, self.sources)
        return self.shape().density(E_nu, xp)

    def moments(
        self,
        T_nr: Numbers,
        mass: float,
        kinematics: Kinematics,
        xp: ModuleType,
        survival: Survival | None = None,
    ) -> dict[str, Moments]:
        """Moments I_0, I_1, I_2 of the unit-normalised spectrum above E_min(T_nr).

        A survival probability is resolved as far as ``core.oscillation`` plans for the baseline.
        Units and shapes are those of ``NeutrinoSource.moments``.
        """
        E_min = E_nu_min(T_nr, mass, kinematics, xp)
        if survival is not None:
            return oscillation.moments_of(self.nodes_above(E_min, xp), E_min, xp, survival)
        return {source: self.shape().moments(E_min, xp) for source in self.sources}

    def nodes_above(self, E_min: Numbers, xp: ModuleType) -> dict[str, oscillation.NodesAbove]:
        """Nodes of the moments above E_min of neutrinos that oscillate.

        Units and shapes are those of ``OscillatingSource.nodes_above``.
        """
        nodes = self.shape().nodes_above(E_min, self.baseline_m, xp)
        return dict.fromkeys(self.sources, nodes)


@dataclass(frozen=True)
class TabulatedSource(SpectrumSource):
    """A source of one flavour whose spectrum the user gives as a table.

    Attributes:
        source: "nu_e", "nu_mu", "nu_mu_bar" or "nu_e_bar".
        table: Its spectrum.
        fluence: Time-integrated flux at the detector [1/cm^2].
        baseline_m: Distance from source to detector [m].

    Examples:
        >>> table = cj.Spectrum([1.0, 5.0, 10.0], [0.0, 1.0, 0.0])
        >>> flux = cj.TabulatedSource("nu_e_bar", table, fluence=1e15, baseline_m=25.0)
        >>> flux.sources, flux.kink_energies
        (('nu_e_bar',), (1.0, 10.0))
    """

    source: str
    table: Spectrum
    fluence: float
    baseline_m: float

    def __post_init__(self) -> None:
        if self.source not in SOURCE_FLAVOUR:
            raise UnknownNameError("neutrino source", self.source, SOURCE_FLAVOUR)
        require_positive(self, "fluence", "baseline_m")

    @property
    def sources(self) -> tuple[str, ...]:
        """Name of the one neutrino source."""
        return (self.source,)

    def shape(self) -> Spectrum:
        """The spectrum."""
        return self.table


def require_positive(source: object, *names: str) -> None:
    """Reject an attribute that is not a finite number above 0."""
    for name in names:
        value = number(f"{type(source).__name__}: {name}", getattr(source, name))
        if not value > 0:
            raise InputError(f"{type(source).__name__}: {name} must be > 0, got {value}")
