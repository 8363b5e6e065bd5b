"""CsI 2017: Wilks, and Feldman-Cousins with and without thrown auxiliary measurements."""

import json
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key
from cevnsjax.inference.toys.feldman_cousins import feldman_cousins
from cevnsjax.model import Model
from cevnsjax.plots.frame import dress
from cevnsjax.plots.style import CURVES, STYLE
from cevnsjax.reproduce.beyond.coverage import model_of
from cevnsjax.reproduce.beyond.limits import limits, spans_of
from cevnsjax.reproduce.beyond.section import Result, ResultTable, intervals_text, percent
from cevnsjax.reproduce.figures.drawing import panels

RANGES = {"sin2_theta_w": (0.0, 0.6), "eps_qV_ee": (-0.12, 0.30), "eps_qV_mumu": (-0.12, 0.30)}
"""Parameters and the range of their grids; eps_qV is eps^u = eps^d."""
_POINTS, _TOYS, _SEED = 121, 32768, 21
_COLUMNS = ("parameter", "level", "Wilks", "Feldman-Cousins", "auxiliaries not thrown")
_NOTE = (
    "Without thrown measurements q is too small where nuisances share in what the parameter does, "
    "and too large where the truth lies away from the measurements that stay behind."
)


def construction(model: Model, parameter: str, *, auxiliary: bool, toys: int = _TOYS) -> xr.Dataset:
    """The construction on a grid, auxiliary measurements thrown or not."""
    axis: dict[str, Any] = {parameter: (*RANGES[parameter], _POINTS)}
    return feldman_cousins(
        model, levels=DEFAULT_LEVELS, toys=toys, auxiliary=auxiliary, seed=_SEED, **axis
    )


def result() -> Result:
    """Intervals of all three kinds, and the critical values of both constructions."""
    figure, axes = panels(len(RANGES), width=2.6, height=2.6)
    rows: list[tuple[str, ...]] = []
    for parameter, frame in zip(RANGES, axes, strict=True):
        model = model_of("csi_2017", parameter)
        both = [construction(model, parameter, auxiliary=thrown) for thrown in (True, False)]
        rows += _rows(model, parameter, both)
        _draw(frame, model, parameter, both)
    axes[0].set_ylabel("critical value / Wilks")
    lines = [line for line in axes[0].get_lines() if str(line.get_label())[0] != "_"]
    with mpl.rc_context(STYLE):
        figure.legend(handles=lines, loc="outside upper left", ncols=len(DEFAULT_LEVELS))
    return Result([ResultTable("CsI 2017", _COLUMNS, tuple(rows), _NOTE)], {"critical": figure})


def _rows(model: Model, parameter: str, both: list[xr.Dataset]) -> list[tuple[str, ...]]:
    wilks = limits(model, parameter, RANGES[parameter], levels=DEFAULT_LEVELS)
    intervals = [json.loads(f.attrs["intervals"]) for f in both]
    rows = []
    for level in DEFAULT_LEVELS:
        key = level_key(level)
        spans = [intervals_text(f[key]) for f in intervals]
        rows.append((parameter, percent(level), spans_of(wilks, key), *spans))
    return rows


def _draw(frame: Axes, model: Model, parameter: str, both: list[xr.Dataset]) -> None:
    """Critical values divided by those of Wilks' theorem."""
    dress(frame)
    frame.axhline(1.0, color="#6E6E6E", linewidth=0.7)
    for k, (level, colour) in enumerate(zip(DEFAULT_LEVELS, CURVES, strict=False)):
        for dataset, style, words in zip(both, ("-", ":"), ("", ", not thrown"), strict=True):
            critical = np.asarray(dataset["critical"].isel(level=k)) / delta_chi2_at(level)
            label = f"{percent(level)}{words}"
            frame.plot(dataset[parameter], critical, style, color=colour, label=label)
    frame.set(xlabel=model.parameters[parameter].label, xlim=RANGES[parameter], ylim=(0.0, 2.5))
