"""Reader of the COHERENT CsI[Na] full data set (2021) in the release's own file format.

The release belongs to Phys. Rev. Lett. 129 (2022) 081801, arXiv:2110.07730.
"""

from pathlib import Path

import numpy as np

from cevnsjax.experiments.release_files import Columns, ReleaseFolder
from cevnsjax.experiments.releases.csi_2021.tables import (
    EFFICIENCY,
    EFFICIENCY_COLUMNS,
    EVENT_COLUMNS,
    NEUTRONS,
    QUENCHING,
    QUENCHING_COLUMNS,
    Csi2021Tables,
)

_EVENTS = {"coincidence": "dataBeamOnC.txt", "anticoincidence": "dataBeamOnAC.txt"}
_REMEDY = "download the release again, see arXiv:2110.07730"


def read_csi_2021_release(folder: str | Path) -> Csi2021Tables:
    """The tables in a folder of the official release with its .txt files, names as published.

    The release labels both shifted rows of its efficiency "+1 sigma"; the second one is -1 sigma.

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


def _events(release: ReleaseFolder, file: str) -> Columns:
    for line, values in release.rows(file, len(EVENT_COLUMNS)):
        for name, value in zip(EVENT_COLUMNS, values, strict=True):
            if value < 0:
                raise release.error(file, f" line {line}: {name} {value:g} is negative")
    return release.table(file, EVENT_COLUMNS, increasing=False)


def _shapes(
    release: ReleaseFolder, suffix: str, axis: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    files = {name: f"{name}{suffix}.txt" for name in NEUTRONS}
    (centres,), shapes = release.grids(files, (axis,))
    return centres, shapes


def _coefficients(
    release: ReleaseFolder, file: str, names: tuple[str, ...], n_columns: int
) -> dict[str, tuple[float, ...]]:
    rows = release.rows(file, n_columns)
    if len(rows) != len(names):
        raise release.error(file, f" has {len(rows)} rows of coefficients, not {len(names)}")
    return {name: values for name, (_, values) in zip(names, rows, strict=True)}
