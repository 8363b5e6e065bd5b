"""A folder to start from: a made-up germanium detector at a reactor, with comments."""

from pathlib import Path

from cevnsjax.core.disk.files import make_folder, write_output
from cevnsjax.core.errors import InputError
from cevnsjax.experiments.folders.folder import FILE
from cevnsjax.experiments.folders.reference import render

VALUES = {
    "": {
        "name": "my-ge",
        "statistic": "poisson",
        "title": "My germanium detector at a reactor (made up)",
    },
    "target": {"mass_kg": 10.0, "material": "Ge"},
    "neutrinos": {
        "kind": "reactor",
        "thermal_power_gw": 3.0,
        "baseline_m": 20.0,
        "exposure_days": 365.0,
        "fission_fractions": {"U235": 0.56, "U238": 0.08, "Pu239": 0.3, "Pu241": 0.06},
    },
    "quenching": {"kind": "table", "file": "quenching.csv"},
    "binning": {
        "observable": "E_ee_keV",
        "observable_per_kevee": 1.0,
        "edges": [0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45],
    },
    "efficiency": {"kind": "logistic", "a": 0.95, "k": 60.0, "x_0": 0.15},
    "resolution": {"kind": "gaussian", "c": 0.08},
    "data": {"kind": "counts", "file": "data.csv"},
    "backgrounds": {"file": "backgrounds.csv"},
    "nuisances": [
        {
            "name": "sig",
            "sd": 0.05,
            "components": ["signal"],
            "meaning": "reactor power, flux and efficiency",
        },
        {"name": "bkg", "sd": 0.02, "components": ["flat", "rising"]},
    ],
}
"""Values of the template, {section: {key: value}}."""

_HEAD = """\
# An experiment as a folder: this file and the CSV tables it names.
#
#     cevnsjax fit {folder}
#     cevnsjax profile {folder} --parameter sin2_theta_w
#
# or in Python cj.experiments.load("{folder}"). Every number here is made up. Units are part of the
# key names; keys that are commented out are optional. Every key and kind is listed in
# docs/own_experiment.md of cevnsjax.

"""
_TABLES = {
    "quenching.csv": """\
# Made up: like Lindhard's curve with k = 0.157
recoil_energy_kev,quenching_factor
0.1,0.1259
0.2,0.1381
0.3,0.1457
0.5,0.1560
0.7,0.1631
1.0,0.1710
1.5,0.1805
2.0,0.1876
3.0,0.1981
""",
    "backgrounds.csv": """\
# Made up: expected counts of each background, a row for each bin of [binning] edges
flat,rising
1734,2537
1734,1358
1734,727
1734,389
1734,208
1734,111
""",
    "data.csv": """\
# Made up: signal and backgrounds as predicted, rounded; a row for each bin of [binning] edges
observed
6556
3996
2727
2195
1960
1849
""",
}


def write_template(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a commented experiment folder that loads and fits as it is.

    Args:
        folder: The folder; it is created if it does not exist.
        overwrite: Whether files of the template may replace existing ones.

    Returns:
        The files written, the description last.

    Raises:
        InputError: If the folder holds files already, or cannot be written.

    Examples:
        >>> [path.name for path in cj.experiments.write_template("my_detector")]
        ['quenching.csv', 'backgrounds.csv', 'data.csv', 'experiment.toml']
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; choose another name")
    if not target.parent.is_dir():
        raise InputError(f"folder {target.parent} does not exist; create it or choose another")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise InputError(
            f"folder {target} is not empty; choose another name, or overwrite=True (--overwrite) "
            f"to replace {', '.join((FILE, *_TABLES))} in it"
        )
    # The description comes last: until it is there, the folder is not taken for an experiment.
    contents = {**_TABLES, FILE: _HEAD.format(folder=target.as_posix()) + render(VALUES)}
    files = [(target / name, text) for name, text in contents.items()]
    is_new = not target.exists()
    make_folder(target)
    try:
        _write_together(files, overwrite=overwrite)
    finally:
        if is_new and not any(target.iterdir()):
            target.rmdir()
    return [path for path, _ in files]


def _write_together(files: list[tuple[Path, str]], *, overwrite: bool) -> None:
    """Write all texts before any file gets its name, the first one first."""
    if not files:
        return
    *others, (path, text) = files

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        _write_together(others, overwrite=overwrite)

    write_output(path, write, overwrite=overwrite)
