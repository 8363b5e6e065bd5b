"""cevnsjax: differentiable predictions and limits for coherent elastic neutrino scattering.

Names are imported when first used, so that ``import cevnsjax`` costs nothing and loads no jax.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cevnsjax._version import __version__ as __version__

if TYPE_CHECKING:
    from cevnsjax import analyses as analyses
    from cevnsjax import experiments as experiments
    from cevnsjax import plots as plots
    from cevnsjax.flux.decay_at_rest import DecayAtRest as DecayAtRest
    from cevnsjax.flux.reactor import ReactorSource as ReactorSource
    from cevnsjax.flux.solar import SolarB8 as SolarB8
    from cevnsjax.flux.source import NeutrinoSource as NeutrinoSource
    from cevnsjax.flux.spectrum import Spectrum as Spectrum
    from cevnsjax.flux.tabulated import TabulatedSource as TabulatedSource
    from cevnsjax.form_factors import Helm as Helm
    from cevnsjax.form_factors import KleinNystrand as KleinNystrand
    from cevnsjax.form_factors import SymmetrizedFermi as SymmetrizedFermi
    from cevnsjax.inference.amortised import amortise as amortise
    from cevnsjax.inference.calibration import sbc as sbc
    from cevnsjax.inference.counting import feldman_cousins_counting as feldman_cousins_counting
    from cevnsjax.inference.design import expected_sd as expected_sd
    from cevnsjax.inference.design_limit import expected_limit as expected_limit
    from cevnsjax.inference.feldman_cousins import feldman_cousins as feldman_cousins
    from cevnsjax.inference.fisher import fisher as fisher
    from cevnsjax.inference.fit import fit as fit
    from cevnsjax.inference.forecast import asimov as asimov
    from cevnsjax.inference.forecast import forecast as forecast
    from cevnsjax.inference.grid_posterior import grid_posterior as grid_posterior
    from cevnsjax.inference.posterior import sample as sample
    from cevnsjax.inference.profile import profile as profile
    from cevnsjax.inference.scan import scan as scan
    from cevnsjax.inference.toys import toys as toys
    from cevnsjax.interactions.charges import Charges as Charges
    from cevnsjax.interactions.charges import NucleusAtNodes as NucleusAtNodes
    from cevnsjax.interactions.electromagnetic import ChargeRadius as ChargeRadius
    from cevnsjax.interactions.electromagnetic import MagneticMoment as MagneticMoment
    from cevnsjax.interactions.electromagnetic import Millicharge as Millicharge
    from cevnsjax.interactions.generalized import GeneralizedInteractions as GeneralizedInteractions
    from cevnsjax.interactions.interaction import Interaction as Interaction
    from cevnsjax.interactions.nsi import NSI as NSI
    from cevnsjax.interactions.nsi import matter_nsi as matter_nsi
    from cevnsjax.interactions.scalar_mediator import LightScalar as LightScalar
    from cevnsjax.interactions.standard_model import StandardModel as StandardModel
    from cevnsjax.interactions.sterile import Sterile as Sterile
    from cevnsjax.interactions.tensor_nsi import TensorNSI as TensorNSI
    from cevnsjax.interactions.vector_mediator import GaugeCharges as GaugeCharges
    from cevnsjax.interactions.vector_mediator import LightVector as LightVector
    from cevnsjax.model.export import export as export
    from cevnsjax.model.model import Model as Model
    from cevnsjax.model.spectrum import spectrum as spectrum
    from cevnsjax.nuclei import target as target
    from cevnsjax.parameters import Normal as Normal
    from cevnsjax.parameters import Parameter as Parameter
    from cevnsjax.parameters import Uniform as Uniform
    from cevnsjax.precision import enable_x64 as enable_x64
    from cevnsjax.rate import differential_cross_section as differential_cross_section
    from cevnsjax.rate import dR_dT_nr as dR_dT_nr

_HOMES = {
    "Charges": "interactions.charges",
    "ChargeRadius": "interactions.electromagnetic",
    "GaugeCharges": "interactions.vector_mediator",
    "GeneralizedInteractions": "interactions.generalized",
    "Interaction": "interactions.interaction",
    "LightScalar": "interactions.scalar_mediator",
    "LightVector": "interactions.vector_mediator",
    "MagneticMoment": "interactions.electromagnetic",
    "Millicharge": "interactions.electromagnetic",
    "NSI": "interactions.nsi",
    "NucleusAtNodes": "interactions.charges",
    "Sterile": "interactions.sterile",
    "TensorNSI": "interactions.tensor_nsi",
    "matter_nsi": "interactions.nsi",
    "DecayAtRest": "flux.decay_at_rest",
    "Helm": "form_factors",
    "KleinNystrand": "form_factors",
    "Model": "model.model",
    "Normal": "parameters",
    "Parameter": "parameters",
    "ReactorSource": "flux.reactor",
    "SolarB8": "flux.solar",
    "TabulatedSource": "flux.tabulated",
    "Spectrum": "flux.spectrum",
    "NeutrinoSource": "flux.source",
    "StandardModel": "interactions.standard_model",
    "SymmetrizedFermi": "form_factors",
    "Uniform": "parameters",
    "dR_dT_nr": "rate",
    "differential_cross_section": "rate",
    "enable_x64": "precision",
    "amortise": "inference.amortised",
    "asimov": "inference.forecast",
    "expected_limit": "inference.design_limit",
    "expected_sd": "inference.design",
    "export": "model.export",
    "feldman_cousins": "inference.feldman_cousins",
    "feldman_cousins_counting": "inference.counting",
    "fisher": "inference.fisher",
    "fit": "inference.fit",
    "forecast": "inference.forecast",
    "grid_posterior": "inference.grid_posterior",
    "profile": "inference.profile",
    "sample": "inference.posterior",
    "sbc": "inference.calibration",
    "scan": "inference.scan",
    "spectrum": "model.spectrum",
    "target": "nuclei",
    "toys": "inference.toys",
}
_ROOMS = ("analyses", "experiments", "plots")
__all__ = ["__version__", *_HOMES, *_ROOMS]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"cevnsjax.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"cevnsjax.{name}")
    raise AttributeError(f"module 'cevnsjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
