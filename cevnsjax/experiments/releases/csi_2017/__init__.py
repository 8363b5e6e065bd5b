"""COHERENT CsI[Na] 2017: builder, tables, and reader of the official files."""

from cevnsjax.core.names import short_name
from cevnsjax.experiments.releases import Release
from cevnsjax.experiments.releases.csi_2017.builder import NAME
from cevnsjax.experiments.releases.csi_2017.builder import csi_2017 as csi_2017
from cevnsjax.experiments.releases.csi_2017.release import (
    read_csi_2017_release as read_csi_2017_release,
)
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables as Csi2017Tables

_SHAPES = {s: f"{s}_{short_name(NAME)}" for s in ("qf_scale", "qf_1", "qf_2")}
RELEASE = Release(NAME, csi_2017, _SHAPES)
