"""Solar neutrinos of 8B: the highest solar energies, within reach of CEvNS detectors.

Spectrum: Bahcall et al., PRC 54, 411. Total flux: B16-GS98, Vinyoles et al., ApJ 835, 202.
"""

from dataclasses import dataclass, field
from functools import lru_cache

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import SpectrumSource, require_positive
from cevnsjax.interactions.charges import SOURCE_FLAVOUR
from cevnsjax.tables import read_csv

_ASTRONOMICAL_UNIT_M = 149597870700.0
_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class SolarB8(SpectrumSource):
    """Neutrinos of 8B decays in the Sun, at the mean distance of the Earth.

    They are born as nu_e and arrive as a mixture of all flavours. CEvNS is flavour blind at tree
    level, so one name stands for them all. Beyond tree level the proton coupling depends slightly
    on flavour (the neutrino charge radius): the ``erler_su`` rate in xenon is 2.4 % higher for
    ``source="nu_mu"`` than for "nu_e". New physics that distinguishes flavours needs the fractions
    that arrive, which are not modelled here; oscillations over the distance to the Sun are too
    fast to be resolved in energy.

    Attributes:
        exposure_days: Live time [day].
        total: Total flux of all flavours [1/cm^2/s]; its published error is 12 %.
        source: The neutrino source that all of them are counted as.
        baseline_m: Mean distance of Sun and Earth [m].

    Examples:
        >>> flux = cj.SolarB8(exposure_days=365.0)
        >>> f"{flux.fluence:.3g}"
        '1.72e+14'
    """

    exposure_days: float
    total: float = 5.46e6
    source: str = "nu_e"
    baseline_m: float = field(default=_ASTRONOMICAL_UNIT_M, init=False, repr=False)

    def __post_init__(self) -> None:
        require_positive(self, "exposure_days", "total")
        if self.source not in SOURCE_FLAVOUR:
            raise UnknownNameError("neutrino source", self.source, SOURCE_FLAVOUR)

    @property
    def sources(self) -> tuple[str, ...]:
        """Name of the one neutrino source."""
        return (self.source,)

    @property
    def fluence(self) -> float:
        """Time-integrated flux of all flavours at the detector [1/cm^2]."""
        return self.total * self.exposure_days * _SECONDS_PER_DAY

    def shape(self) -> Spectrum:
        """Spectrum of the decay."""
        return _b8()


@lru_cache(maxsize=1)
def _b8() -> Spectrum:
    table = read_csv("flux_solar_b8", "b8.csv")
    return Spectrum(table["energy_mev"], table["shape_per_mev"], "monotone")
