"""Experiments: one file a data release, and the registry the command line reads."""

from collections.abc import Callable

from cevnsjax.experiments.csi_2017 import csi_2017 as csi_2017
from cevnsjax.experiments.csi_2017_tables import Csi2017Tables as Csi2017Tables
from cevnsjax.experiments.csi_2021 import csi_2021 as csi_2021
from cevnsjax.experiments.experiment import Experiment as Experiment
from cevnsjax.experiments.experiment import Morph as Morph
from cevnsjax.experiments.experiment import Pull as Pull
from cevnsjax.experiments.lar_2020 import lar_2020 as lar_2020
from cevnsjax.experiments.release_csi_2017 import read_csi_2017_release as read_csi_2017_release

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
