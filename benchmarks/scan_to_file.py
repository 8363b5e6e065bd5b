"""A whole process that writes a scan to a file: `scan_to_file.py cevnsjax|numpy POINTS FILE`.

POINTS x POINTS in (eps_uV_ee, eps_dV_ee). It prints its peak resident memory as JSON.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np

NAMES = ("eps_uV_ee", "eps_dV_ee")
LOW, HIGH = -1.0, 1.0
_BLOCK_ROWS = 500


def by_cevnsjax(points: int, path: Path) -> None:
    """Write a netCDF file by cevnsjax.scan."""
    import cevnsjax as cj

    cj.enable_x64()
    model = cj.Model(cj.experiments.csi_2017(), [cj.NSI(*NAMES)])
    cj.scan(model, output=path, overwrite=True, **dict.fromkeys(NAMES, (LOW, HIGH, points)))


def by_numpy(points: int, path: Path) -> None:
    """Write a NumPy file, block by block of rows, through the closed form."""
    import numpy_grid
    from numpy_reference import FixedResponse

    fixed, axis = FixedResponse(), np.linspace(LOW, HIGH, points)
    out = np.lib.format.open_memmap(path, "w+", float, (points, points))
    for first in range(0, points, _BLOCK_ROWS):
        rows = axis[first : first + _BLOCK_ROWS]
        out[first : first + _BLOCK_ROWS] = numpy_grid.scan_nsi(fixed, rows, axis)
        out.flush()


def peak_memory() -> float:
    """Largest resident memory of this process so far [MiB]."""
    # ru_maxrss includes memory inherited from the process that started this one; VmHWM does not.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    side, count, file = sys.argv[1:]
    {"cevnsjax": by_cevnsjax, "numpy": by_numpy}[side](int(count), Path(file))
    print(json.dumps({"peak_MiB": peak_memory()}))
