"""COHERENT CENNS-10 LAr 2020: builder, tables, and reader of the official files."""

from cevnsjax.experiments.releases import Release
from cevnsjax.experiments.releases.lar_2020.builder import NAME
from cevnsjax.experiments.releases.lar_2020.builder import lar_2020 as lar_2020

RELEASE = Release(NAME, lar_2020)
