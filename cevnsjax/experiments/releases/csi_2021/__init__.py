"""COHERENT CsI[Na] 2021: builder, tables, and reader of the official files."""

from cevnsjax.experiments.releases import Release
from cevnsjax.experiments.releases.csi_2021.builder import NAME
from cevnsjax.experiments.releases.csi_2021.builder import csi_2021 as csi_2021

RELEASE = Release(NAME, csi_2021)
