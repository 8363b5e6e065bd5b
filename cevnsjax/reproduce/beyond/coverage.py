"""Intervals by Feldman and Cousins beside those of Wilks' theorem."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.core.levels import delta_chi2_at, level_key
from cevnsjax.experiments import csi_2017, lar_2020
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.inference.toys.feldman_cousins import feldman_cousins
from cevnsjax.interactions import NSI, StandardModel
from cevnsjax.model import Model
from cevnsjax.plots.frame import dress
from cevnsjax.plots.style import BLACK, CURVES
from cevnsjax.reproduce.beyond.limits import LEVELS, limits, spans_of
from cevnsjax.reproduce.beyond.section import Result, ResultTable, intervals_text, percent
from cevnsjax.reproduce.figures.drawing import add_to_legend, panels

EXPERIMENTS: dict[str, Callable[..., Experiment]] = {"csi_2017": csi_2017, "lar_2020": lar_2020}
"""Experiments by name, with their defaults."""
RANGES = {"sin2_theta_w": (0.0, 0.6), "eps_dV_ee": (-0.5, 0.9)}
"""Parameters and the range of their grids."""
_POINTS, _TOYS, _SEED = 61, 4096, 20
_COLUMNS = ("experiment", "parameter", "level", "Feldman-Cousins", "Wilks", "critical Delta chi2")


def model_of(experiment: str, parameter: str) -> Model:
    """One experiment with the interaction that the parameter belongs to."""
    beyond = [NSI(parameter)] if parameter.startswith("eps_") else []
    return Model(EXPERIMENTS[experiment](), [StandardModel(), *beyond], name=experiment)


def construction(experiment: str, parameter: str, *, toys: int = _TOYS) -> xr.Dataset:
    """The Feldman-Cousins construction on a grid over the parameter's range."""
    axis: dict[str, Any] = {parameter: (*RANGES[parameter], _POINTS)}
    model = model_of(experiment, parameter)
    return feldman_cousins(model, levels=LEVELS, toys=toys, seed=_SEED, **axis)


def result() -> Result:
    """Both intervals for every experiment and parameter, and critical values along the grid."""
    figure, axes = panels(len(RANGES), width=3.3, height=3.0)
    frames, rows = dict(zip(RANGES, axes, strict=True)), []
    for parameter, frame in frames.items():
        dress(frame)
        for level, colour in zip(LEVELS, CURVES, strict=False):
            line = frame.axhline(delta_chi2_at(level), color=colour, linewidth=0.7, linestyle="--")
            line.set_label(f"Wilks, {percent(level)}")
        for name, style in zip(EXPERIMENTS, ("-", ":"), strict=True):
            dataset = construction(name, parameter)
            rows += _rows(name, parameter, dataset)
            for k, colour in zip(range(len(LEVELS)), CURVES, strict=False):
                critical = dataset["critical"].isel(level=k)
                frame.plot(dataset[parameter], critical, style, color=colour, label=f"_{name}")
            frame.plot([], [], style, color=BLACK, label=name)
        model = model_of("csi_2017", parameter)
        frame.set(xlabel=model.parameters[parameter].label, ylabel=r"critical $\Delta\chi^2$")
        frame.set(xlim=RANGES[parameter], ylim=(0.0, None))
        named = [line for line in frame.get_lines() if not str(line.get_label()).startswith("_")]
        add_to_legend(frame, *named)
    note = "Critical values are the smallest and the largest within the Feldman-Cousins interval."
    table = ResultTable("Feldman-Cousins and Wilks", _COLUMNS, tuple(rows), note)
    return Result([table], {"critical": figure})


def _rows(name: str, parameter: str, dataset: xr.Dataset) -> list[tuple[str, ...]]:
    wilks = limits(model_of(name, parameter), parameter, RANGES[parameter])
    spans, rows = json.loads(dataset.attrs["intervals"]), []
    for k, level in enumerate(LEVELS):
        key = level_key(level)
        accepted = np.asarray(dataset["accepted"].isel(level=k))
        critical = np.asarray(dataset["critical"].isel(level=k))[accepted]
        within = f"{critical.min():.2f} to {critical.max():.2f} ({delta_chi2_at(level):.2f})"
        both = intervals_text(spans[key]), spans_of(wilks, key)
        rows.append((name, parameter, percent(level), *both, within))
    return rows
