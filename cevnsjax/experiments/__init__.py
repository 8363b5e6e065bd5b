"""Experiments: one file a data release, the registry of names, and folders of the user's own."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cevnsjax.experiments.experiment import Experiment as Experiment
from cevnsjax.experiments.experiment import Morph as Morph
from cevnsjax.experiments.experiment import Pull as Pull
from cevnsjax.experiments.planned import PlannedExperiment as PlannedExperiment
from cevnsjax.experiments.releases.csi_2017.csi_2017 import csi_2017 as csi_2017
from cevnsjax.experiments.releases.csi_2017.release import (
    read_csi_2017_release as read_csi_2017_release,
)
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables as Csi2017Tables
from cevnsjax.experiments.releases.csi_2021.csi_2021 import csi_2021 as csi_2021
from cevnsjax.experiments.releases.lar_2020.lar_2020 import lar_2020 as lar_2020

if TYPE_CHECKING:
    from cevnsjax.experiments.folders.load import load as load
    from cevnsjax.experiments.folders.template import write_template as write_template

EXPERIMENTS: dict[str, Callable[..., Experiment]] = {
    "csi-2017": csi_2017,
    "lar-2020": lar_2020,
    "csi-2021": csi_2021,
}
"""Builders by name."""

SHAPE_PARAMETERS: dict[str, dict[str, str]] = {
    "csi-2017": {s: f"{s}_csi2017" for s in ("qf_scale", "qf_1", "qf_2")},
    "lar-2020": {},
    "csi-2021": {},
}
"""Shape nuisances that naming their parameter switches on: {option: parameter} by experiment."""

# They bring scipy's splines along, 0.4 s that the package's own experiments do not need.
_HOMES = {"load": "folders.load", "write_template": "folders.template"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
