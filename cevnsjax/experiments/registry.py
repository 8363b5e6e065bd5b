"""The data releases that come with the package, read off the folders of ``releases``."""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module

from cevnsjax.experiments import releases
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.releases import Release


def stated_releases() -> dict[str, Release]:
    """What each folder of ``releases`` states as its ``RELEASE``, by name."""
    folders = pkgutil.iter_modules(releases.__path__, f"{releases.__name__}.")
    stated = [import_module(folder.name).RELEASE for folder in folders]
    return {release.name: release for release in stated}


EXPERIMENTS: dict[str, Callable[..., Experiment]] = {
    name: release.build for name, release in stated_releases().items()
}
"""Builders by name."""

SHAPE_PARAMETERS: dict[str, Mapping[str, str]] = {
    name: release.shape_parameters for name, release in stated_releases().items()
}
"""Shape nuisances that naming their parameter switches on: {option: parameter} by experiment."""
