"""Reader of the COHERENT CsI[Na] 2017 release in its own file format.

The release (doi:10.5281/zenodo.1228631, arXiv:1804.09459) exists with and without header lines.
"""

import itertools
import math
import re
from pathlib import Path

import numpy as np

from cevnsjax.core.errors import DataError
from cevnsjax.experiments.releases.csi_2017.tables import Csi2017Tables, read_only, shipped_csi_2017

__all__ = ["Csi2017Tables", "read_csi_2017_release", "shipped_csi_2017"]

# Our names against the middle part of the release's file names.
_COUNTS = {
    "coincidence_beam_on": "coincidence_beamOn",
    "anticoincidence_beam_on": "anticoincidence_beamOn",
    "coincidence_beam_off": "coincidence_beamOff",
    "anticoincidence_beam_off": "anticoincidence_beamOff",
}
_ARRIVAL = {
    "prompt_neutrinos": "promptNeutrinos",
    "delayed_neutrinos": "delayedNeutrinos",
    "prompt_neutrons": "promptNeutrons",
}
_QUENCHING = {
    "chicago": (
        "qfData_chicago.txt",
        "recoil_energy_kev recoil_energy_error_kev quenching_factor quenching_factor_error",
    ),
    "duke": (
        "qfData_tunl.txt",
        "recoil_energy_kev recoil_energy_error_up_kev recoil_energy_error_down_kev "
        "quenching_factor quenching_factor_error_up quenching_factor_error_down",
    ),
}
_PARAMETERS = (
    ("beamExposure", "value"),
    ("distanceToTarget", "value"),
    ("promptNeutronNormalization", "uncertainty"),
    *itertools.product(("neutrinosPerProton", "csiLightYield", "csiQF"), ("value", "uncertainty")),
    *itertools.product(("a", "k", "x_0"), ("value", "error_hi", "error_lo")),
)
_REMEDY = "download the release again from doi:10.5281/zenodo.1228631"
_PE_WIDTH, _NEUTRON_PE_WIDTH, _TIME_WIDTH_US = 2.0, 1.0, 0.5

_Row = tuple[int, tuple[float, ...]]


def read_csi_2017_release(folder: str | Path) -> Csi2017Tables:
    """The tables in a folder of the official release, file names as published.

    Args:
        folder: Folder with the .txt files and ``coherent_parameters.yaml``.

    Raises:
        DataError: A file is missing, has other columns, counts that are no whole numbers, or an
            incomplete grid of photoelectrons and time.
    """
    folder = Path(folder)
    n_pe, t_us, counts = _read_counts(folder)
    path = folder / "promptPDF.txt"
    neutrons = _read_rows(path, 2)
    centres = np.array([values[0] for _, values in neutrons])
    _check_centres(path, "photoelectron", centres, _NEUTRON_PE_WIDTH)
    values = _read_parameters(folder / "coherent_parameters.yaml")
    return Csi2017Tables(
        n_pe=n_pe,
        t_us=t_us,
        counts=counts,
        neutron_n_pe=read_only(centres),
        neutron_per_gwh=read_only([content for _, (_, content) in neutrons]),
        arrival={name: _read_arrival(folder, part, t_us) for name, part in _ARRIVAL.items()},
        beam_exposure_gwh=values["beamExposure", "value"],
        baseline_m=values["distanceToTarget", "value"],
        neutrinos_per_proton=_with_error(values, "neutrinosPerProton"),
        light_yield_pe_per_kevee=_with_error(values, "csiLightYield"),
        quenching_factor=_with_error(values, "csiQF"),
        prompt_neutron_error=values["promptNeutronNormalization", "uncertainty"],
        acceptance={
            ours: tuple(values[theirs, key] for key in ("value", "error_hi", "error_lo"))
            for ours, theirs in {"a": "a", "k": "k", "x0": "x_0"}.items()
        },
        quenching={
            name: _read_quenching(folder / file, columns.split())
            for name, (file, columns) in _QUENCHING.items()
        },
    )


def _read_counts(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    grids = {}
    first: tuple[np.ndarray, np.ndarray] | None = None
    for name, part in _COUNTS.items():
        path = folder / f"data_{part}.txt"
        n_pe, t_us, grids[name] = _count_grid(path, _read_rows(path, 3))
        if first is None:
            first = n_pe, t_us
        elif not (np.array_equal(first[0], n_pe) and np.array_equal(first[1], t_us)):
            raise DataError(f"{path} has another grid than the other count files; {_REMEDY}")
    assert first is not None
    return *first, grids


def _count_grid(path: Path, rows: list[_Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cells: dict[tuple[float, float], float] = {}
    for line, (n_pe, t_us, count) in rows:
        if count < 0 or count != int(count):
            raise DataError(
                f"{path} line {line}: count {count:g} is no whole number >= 0; {_REMEDY}"
            )
        if (n_pe, t_us) in cells:
            raise DataError(f"{path} line {line}: cell ({n_pe} PE, {t_us} us) again; {_REMEDY}")
        cells[n_pe, t_us] = count
    axes = [np.unique([cell[i] for cell in cells]) for i in (0, 1)]
    _check_centres(path, "photoelectron", axes[0], _PE_WIDTH)
    _check_centres(path, "time", axes[1], _TIME_WIDTH_US)
    for n_pe, t_us in itertools.product(*(axis.tolist() for axis in axes)):
        if (n_pe, t_us) not in cells:
            raise DataError(f"{path} lacks the cell ({n_pe} PE, {t_us} us); {_REMEDY}")
    grid = [[cells[n_pe, t_us] for t_us in axes[1].tolist()] for n_pe in axes[0].tolist()]
    return read_only(axes[0]), read_only(axes[1]), read_only(grid)


def _check_centres(path: Path, axis: str, centres: np.ndarray, width: float) -> None:
    expected = width * (np.arange(centres.size) + 0.5)
    wrong = np.flatnonzero(~np.isclose(centres, expected))
    if wrong.size:
        found, wanted = centres[wrong[0]], expected[wrong[0]]
        raise DataError(f"{path}: {axis} bin centre {found:g} where {wanted:g} is due; {_REMEDY}")


def _read_arrival(folder: Path, part: str, t_us: np.ndarray) -> np.ndarray:
    path = folder / f"arrivalTimePDF_{part}.txt"
    rows = _read_rows(path, 2)
    if not np.array_equal([time for _, (time, _) in rows], t_us):
        raise DataError(f"{path} has other time bins than the counts; {_REMEDY}")
    return read_only([probability for _, (_, probability) in rows])


def _read_quenching(path: Path, columns: list[str]) -> dict[str, np.ndarray]:
    rows = _read_rows(path, len(columns))
    return {name: read_only([values[i] for _, values in rows]) for i, name in enumerate(columns)}


def _read_rows(path: Path, n_columns: int) -> list[_Row]:
    """Numbers of a comma separated file with line numbers; comments and one header are skipped."""
    rows: list[_Row] = []
    header_allowed = True
    for line, content in enumerate(_text(path).splitlines(), 1):
        fields = [field.strip() for field in content.split(",")]
        if not content.strip() or content.lstrip().startswith("#"):
            continue
        if len(fields) != n_columns:
            raise DataError(
                f"{path} line {line} has {len(fields)} columns, not {n_columns}; {_REMEDY}"
            )
        values = tuple(map(_number, fields))
        if header_allowed and all(map(math.isnan, values)):
            header_allowed = False
            continue
        if not all(map(math.isfinite, values)):
            raise DataError(f"{path} line {line}: {content.strip()!r} is not numeric; {_REMEDY}")
        header_allowed = False
        rows.append((line, values))
    if not rows:
        raise DataError(f"{path} has no data line; {_REMEDY}")
    return rows


def _read_parameters(path: Path) -> dict[tuple[str, str], float]:
    """Numbers of the parameter file by (section, key); enough of YAML for its fixed layout."""
    values: dict[tuple[str, str], float] = {}
    section = ""
    for content in _text(path).splitlines():
        if match := re.match(r"(\w+):\s*$|\s+-\s+name:\s*(\S+)", content):
            section = match[1] or match[2]
        elif match := re.match(r"\s+(value|uncertainty|error_hi|error_lo):\s*(\S+)", content):
            values[section, match[1]] = _number(match[2])
    for section, key in _PARAMETERS:
        if not math.isfinite(values.get((section, key), math.nan)):
            raise DataError(f"{path} has no number for {section} {key}; {_REMEDY}")
    return values


def _with_error(values: dict[tuple[str, str], float], section: str) -> tuple[float, float]:
    return values[section, "value"], values[section, "uncertainty"]


def _number(field: str) -> float:
    try:
        return float(field)
    except ValueError:
        return math.nan


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); {_REMEDY}") from error
