"""Reader of the COHERENT CsI[Na] full data set (2021) in the release's own file format.

The release belongs to Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730.
"""

from pathlib import Path

import numpy as np

from cevnsjax.experiments.releases.csi_2017.tables import read_only
from cevnsjax.experiments.releases.csi_2021.tables import (
    EFFICIENCY,
    EFFICIENCY_COLUMNS,
    EVENT_COLUMNS,
    NEUTRONS,
    QUENCHING,
    QUENCHING_COLUMNS,
    Csi2021Tables,
    shipped_csi_2021,
)
from cevnsjax.experiments.releases.release_files import ReleaseFolder

__all__ = ["Csi2021Tables", "read_csi_2021_release", "shipped_csi_2021"]

_EVENTS = {"coincidence": "dataBeamOnC.txt", "anticoincidence": "dataBeamOnAC.txt"}
_REMEDY = "download the release again, see arXiv:2110.07730"


def read_csi_2021_release(folder: str | Path) -> Csi2021Tables:
    """The tables in a folder of the official release, file names as published.

    The release labels both shifted rows of its efficiency "+1 sigma"; the second one is -1 sigma.

    Args:
        folder: Folder with the .txt files.

    Raises:
        DataError: A file is missing, has other columns or rows, an event with negative energy or
            time, a negative background, or bins that are missing or differ between files.
    """
    release = ReleaseFolder(Path(folder), _REMEDY)
    n_pe, energy = _shapes(release, "PE", "n_pe")
    t_us, time = _shapes(release, "Trec", "t_us")
    return Csi2021Tables(
        events={name: _events(release, file) for name, file in _EVENTS.items()},
        n_pe=n_pe,
        t_us=t_us,
        neutrons_n_pe=energy,
        neutrons_t_us=time,
        efficiency=_coefficients(
            release, "effCoefficients.txt", EFFICIENCY, len(EFFICIENCY_COLUMNS)
        ),
        quenching=_coefficients(
            release, "scintRespCoefficients.txt", QUENCHING, len(QUENCHING_COLUMNS)
        ),
    )


def _events(release: ReleaseFolder, file: str) -> dict[str, np.ndarray]:
    rows = release.rows(file, len(EVENT_COLUMNS))
    for line, values in rows:
        for name, value in zip(EVENT_COLUMNS, values, strict=True):
            if value < 0:
                raise release.error(file, f" line {line}: {name} {value:g} is negative")
    return {
        name: read_only([values[i] for _, values in rows]) for i, name in enumerate(EVENT_COLUMNS)
    }


def _shapes(
    release: ReleaseFolder, suffix: str, axis: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    grids = {name: release.grid(f"{name}{suffix}.txt", [axis]) for name in NEUTRONS}
    (first,), _ = grids[NEUTRONS[0]]
    for name, ((centres,), _) in grids.items():
        if not np.array_equal(centres, first):
            other = f" has other bins than {NEUTRONS[0]}{suffix}.txt"
            raise release.error(f"{name}{suffix}.txt", other)
    return first, {name: contents for name, (_, contents) in grids.items()}


def _coefficients(
    release: ReleaseFolder, file: str, names: tuple[str, ...], n_columns: int
) -> dict[str, tuple[float, ...]]:
    rows = release.rows(file, n_columns)
    if len(rows) != len(names):
        raise release.error(file, f" has {len(rows)} rows of coefficients, not {len(names)}")
    return {name: values for name, (_, values) in zip(names, rows, strict=True)}
