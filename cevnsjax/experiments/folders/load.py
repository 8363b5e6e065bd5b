"""Experiments from folders of the user's: ``experiment.toml`` and CSV tables."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core import checks
from cevnsjax.core.disk.reading import exists
from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.core.names import short_name
from cevnsjax.experiments.experiment import SIGNAL, Experiment
from cevnsjax.experiments.folders.detector_pieces import (
    detector_of,
    electrons_of,
    quenching_nuisances,
    quenching_of,
)
from cevnsjax.experiments.folders.folder import FILE, Part, parts_of
from cevnsjax.experiments.folders.forms import is_word
from cevnsjax.experiments.folders.schema import located
from cevnsjax.experiments.folders.source_pieces import source_of, target_of, time_fractions
from cevnsjax.experiments.names import TAKEN
from cevnsjax.experiments.planned import PLANNED, PlannedExperiment
from cevnsjax.experiments.systematics import Pull

_TIME = "t_us"
_MOST_CELLS = 100_000


def is_experiment_folder(word: str) -> bool:
    """Whether a command-line word is a folder: it has a path separator, or holds the file."""
    return "/" in word or "\\" in word or exists(Path(word) / FILE)


def load(folder: str | Path, *, accuracy: float | None = None) -> Experiment:
    """An experiment from a folder with ``experiment.toml`` and the CSV tables it names.

    docs/own_experiment.md lists the keys; ``write_template`` writes a folder to start from.

    Args:
        folder: The folder.
        accuracy: Largest error of a cell in parts of the largest cell; ``[binning] accuracy`` of
            the file, or 1e-6, if None [1].

    Returns:
        The experiment; a ``PlannedExperiment`` where the file says ``[data] kind = "planned"``.

    Raises:
        InputError: No such folder, or a wrong key or value: file, key and remedy on one line.
        DataError: A file that is missing or malformed.

    Examples:
        >>> files = cj.experiments.write_template("my_ge")
        >>> cj.experiments.load("my_ge").observed
        array([6556., 3996., 2727., 2195., 1960., 1849.])
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"load needs the path of a folder, got {folder!r}")
    if accuracy is not None:
        checks.number("load: accuracy", accuracy)
    parts, nuisances = parts_of(Path(folder))
    top, time = parts[""], parts.get("time")
    flux, target = source_of(parts["neutrinos"]), target_of(parts["target"])
    quenching = quenching_of(parts["quenching"])
    ends = [T_nr_max(E, n.mass, "approximate") for E in flux.kink_energies for n in target.nuclei]
    detector = detector_of(parts, quenching, float(max(ends)), accuracy)
    bins = len(detector.edges) - 1
    grid = _grid(parts["binning"], bins, time)
    backgrounds = _backgrounds(parts.get("backgrounds"), grid, flux.sources)
    data = _data(parts["data"], top["statistic"], grid)
    expected = sum(backgrounds.values(), np.zeros(int(np.prod(grid))))
    observed, variance = data or (expected, np.maximum(expected, 1.0))
    recipe: dict[str, Any] = {
        "name": top["name"],
        "target": target,
        "mass_kg": parts["target"]["mass_kg"],
        "flux": flux,
        "detector": detector,
        "observable": parts["binning"]["observable"],
        "observed": observed,
        "variance": variance,
        "backgrounds": backgrounds,
        "pulls": _pulls(nuisances, [SIGNAL, *backgrounds], top["name"]),
        "shape": quenching_nuisances(parts["quenching"], quenching, top["name"]),
        "extra": {_TIME: tuple(map(float, time["edges_us"]))} if time else {},
        "spread": time_fractions(time, flux, bins) if time else {},
        "statistic": top["statistic"],
        "title": (top["title"] or top["name"]) + ("" if data else PLANNED),
        "source": top["publication"] or "",
        "electrons": electrons_of(parts.get("electrons"), detector),
    }
    with located(f"{Path(folder) / FILE}:"):
        return (Experiment if data else PlannedExperiment)(**recipe)


def _grid(binning: Part, bins: int, time: Part | None) -> tuple[int, ...]:
    """Number of bins on each axis."""
    grid = (bins, len(time["edges_us"]) - 1) if time else (bins,)
    taken = ("source", _TIME) if time else ("source",)
    if binning["observable"] in taken:
        raise binning.error(f"observable cannot be called {' or '.join(taken)}; rename it")
    if math.prod(grid) > _MOST_CELLS:
        raise binning.error(f"makes {' x '.join(map(str, grid))} bins; limit {_MOST_CELLS} in all")
    return grid


def _backgrounds(
    part: Part | None, grid: tuple[int, ...], sources: Sequence[str]
) -> dict[str, Float[np.ndarray, " cell"]]:
    if part is None:
        return {}
    table = part.table(part["columns"] or (), grid=grid)
    for name in part["columns"] or table.names:
        if not is_word(name) or name in (*TAKEN, *sources):
            raise InputError(
                f"{table.path}: a background cannot be called {name!r}; use letters, digits and _, "
                f"and none of {', '.join((*TAKEN, *sources))}"
            )
        table.require(name, table[name] >= 0, ">= 0")
    return {name: table[name] for name in part["columns"] or table.names}


def _data(
    part: Part, statistic: str, grid: tuple[int, ...]
) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, " cell"]] | None:
    """Observed counts and their variance; None for a planned experiment."""
    gaussian = statistic == "gaussian"
    if part["kind"] == "planned":
        if gaussian:
            raise part.error(
                'kind = "planned" has no variances for statistic = "gaussian"; write '
                'statistic = "poisson"'
            )
        return None
    table = part.table(("observed", "variance") if gaussian else ("observed",), grid=grid)
    observed = table["observed"]
    if not gaussian:
        table.require("observed", observed >= 0, ">= 0 with statistic poisson")
        return observed, np.maximum(observed, 1.0)
    table.require("variance", table["variance"] > 0, "> 0 (merge empty bins)")
    return observed, table["variance"]


def _pulls(parts: Sequence[Part], components: Sequence[str], experiment: str) -> tuple[Pull, ...]:
    pulls: dict[str, Pull] = {}
    for part in parts:
        for name in part["components"]:
            if name not in components:
                raise part.unknown("component", name, components)
        name = part["name"]
        full = name if name.startswith("alpha_") else f"alpha_{name}_{short_name(experiment)}"
        if full in pulls:
            raise part.error(f"name {name!r} is given twice; give each its own")
        meaning = part["meaning"] or f"relative shift of {' and '.join(part['components'])}"
        pulls[full] = Pull(full, part["sd"], tuple(part["components"]), meaning, part["kind"])
    return tuple(pulls.values())
