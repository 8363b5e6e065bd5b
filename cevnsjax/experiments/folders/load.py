"""Experiments outside the package: a folder with ``experiment.toml`` and CSV tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.experiments.experiment import SIGNAL, Experiment, Pull
from cevnsjax.experiments.folders.detector_pieces import detector_of
from cevnsjax.experiments.folders.folder import FILE, Folder
from cevnsjax.experiments.folders.forms import is_word
from cevnsjax.experiments.folders.pieces import (
    quenching_nuisances,
    quenching_of,
    source_of,
    target_of,
    time_fractions,
)
from cevnsjax.experiments.folders.schema import CsvFile, read_sections, unknown
from cevnsjax.experiments.folders.sections import SECTIONS
from cevnsjax.experiments.planned import PLANNED, PlannedExperiment


def is_experiment_folder(word: str) -> bool:
    """Whether a command-line word is a folder: it has a path separator, or holds the file."""
    return "/" in word or "\\" in word or (Path(word) / FILE).is_file()


def load(folder: str | Path) -> Experiment:
    """An experiment from a folder with ``experiment.toml`` and the CSV tables it names.

    docs/own_experiment.md lists the keys; ``write_template`` writes a folder to start from.

    Args:
        folder: The folder.

    Returns:
        The experiment; a ``PlannedExperiment`` where the file says ``[data] kind = "planned"``.

    Raises:
        InputError: No such folder, or a wrong key or value: file, key and remedy on one line.
        DataError: A file that is missing or malformed.
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"load needs the path of a folder, got {folder!r}")
    place = Folder(Path(folder))
    return _assembled(place, read_sections(SECTIONS, place.content(), place.file))


def _assembled(folder: Folder, given: Mapping[str, Any]) -> Experiment:
    """The experiment from checked sections: all files are read and compared here."""
    at = {name: f"{folder.file}: {s.head}" for name, s in SECTIONS.items()}
    top, time = given[""], given["time"]
    short = top["name"].replace("-", "").replace("_", "")
    flux = source_of(folder, at["neutrinos"], given["neutrinos"])
    target = target_of(at["target"], given["target"])
    quenching = quenching_of(folder, at["quenching"], given["quenching"])
    ends = [T_nr_max(E, n.mass, "approximate") for E in flux.kink_energies for n in target.nuclei]
    detector = detector_of(folder, given, quenching, float(max(ends)))
    bins = len(detector.edges) - 1
    grid = (bins, len(time["edges_us"]) - 1) if time else (bins,)
    backgrounds = _backgrounds(folder, at["backgrounds"], given["backgrounds"], grid, flux.sources)
    data = _data(folder, at["data"], given, grid)
    expected = sum(backgrounds.values(), np.zeros(int(np.prod(grid))))
    observed, variance = data or (expected, np.maximum(expected, 1.0))
    return (Experiment if data else PlannedExperiment)(
        name=top["name"],
        target=target,
        mass_kg=given["target"]["mass_kg"],
        flux=flux,
        detector=detector,
        observable=given["binning"]["observable"],
        observed=observed,
        variance=variance,
        backgrounds=backgrounds,
        pulls=_pulls(at["nuisances"], given["nuisances"], [SIGNAL, *backgrounds], short),
        shape=quenching_nuisances(at["quenching"], given["quenching"], quenching, short),
        extra={"t_us": tuple(map(float, time["edges_us"]))} if time else {},
        spread=time_fractions(folder, at["time"], time, flux, bins) if time else {},
        statistic=top["statistic"],
        title=(top["title"] or top["name"]) + ("" if data else PLANNED),
        source=top["publication"] or "",
    )


def _backgrounds(
    folder: Folder,
    where: str,
    given: Mapping[str, Any] | None,
    grid: tuple[int, ...],
    sources: tuple[str, ...],
) -> dict[str, np.ndarray]:
    if given is None:
        return {}
    file = CsvFile(given["file"].name, tuple(given["columns"] or ()))
    columns = folder.cells(where, file, grid)
    chosen = {name: columns[name] for name in file.columns or columns}
    for name, counts in chosen.items():
        if not is_word(name) or name in (SIGNAL, *sources):
            raise InputError(
                f"{folder.path / file.name}: a background cannot be called {name!r}; use letters, "
                f"digits and _, and none of {', '.join((SIGNAL, *sources))}"
            )
        folder.require(file, name, counts, counts < 0, ">= 0")
    return chosen


def _data(
    folder: Folder, where: str, given: Mapping[str, Any], grid: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Observed counts and their variance; None where they are yet to come."""
    data, gaussian = given["data"], given[""]["statistic"] == "gaussian"
    if data["kind"] == "planned":
        if gaussian:
            raise InputError(
                f'{where} kind = "planned" has no variances for statistic = "gaussian"; write '
                'statistic = "poisson"'
            )
        return None
    file = CsvFile(data["file"].name, ("observed", "variance") if gaussian else ("observed",))
    columns = folder.cells(where, file, grid)
    observed = columns["observed"]
    if not gaussian:
        folder.require(file, "observed", observed, observed < 0, ">= 0 with statistic poisson")
        return observed, np.maximum(observed, 1.0)
    variance = columns["variance"]
    folder.require(file, "variance", variance, variance <= 0, "> 0 (merge empty bins)")
    return observed, variance


def _pulls(
    where: str, given: list[dict[str, Any]], components: list[str], short: str
) -> tuple[Pull, ...]:
    out: dict[str, Pull] = {}
    for one in given:
        for name in one["components"]:
            if name not in components:
                raise unknown(where, "component", name, components)
        listed = one["name"]
        name = listed if listed.startswith("alpha_") else f"alpha_{listed}_{short}"
        if name in out:
            raise InputError(f"{where} name {listed!r} is given twice; give each its own")
        meaning = one["meaning"] or f"relative shift of {' and '.join(one['components'])}"
        out[name] = Pull(name, one["sd"], tuple(one["components"]), meaning)
    return tuple(out.values())
