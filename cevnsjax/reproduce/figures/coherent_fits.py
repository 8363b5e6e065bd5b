"""Data and best fit of COHERENT's analyses, projected on energy, time and other observables.

The steady-state background at its best fit is subtracted from data and prediction; the variance of
a bin is the number of all its counts.
"""

from collections.abc import Callable, Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.model import Model
from cevnsjax.plots import spectrum
from cevnsjax.plots.frame import new_figure
from cevnsjax.plots.style import STYLE, UNITS
from cevnsjax.reproduce.paper import PaperFigure
from cevnsjax.reproduce.quantities import strength_of


def projected(counts: np.ndarray, grid: tuple[int, ...], axis: int) -> np.ndarray:
    """Counts summed over all axes of a grid except one, [bin] [count]; the last runs fastest."""
    others = tuple(k for k in range(len(grid)) if k != axis)
    return np.reshape(counts, grid).sum(axis=others)


def fitted_spectra(model: Model, pull: str, observables: Mapping[str, int]) -> Figure:
    """Data over the best fit, a panel for each observable, with residuals below.

    Args:
        model: A model of one Poisson experiment whose signal pull is a free parameter.
        pull: Name of the signal's pull.
        observables: Names as in ``spectrum``, and the index of each among the experiment's axes.
    """
    (experiment,) = model.experiments.values()
    parts = strength_of(model, pull).parts
    edges = [experiment.edges, *(np.array(e) for e in experiment.extra.values())]
    with mpl.rc_context(STYLE):
        figure = new_figure(3.6 * len(observables), 3.7)
        frames = figure.subplots(
            2, len(observables), sharex="col", height_ratios=(3.2, 1), squeeze=False
        )
    for column, (observable, k) in enumerate(observables.items()):
        # Bins of unequal width are drawn as densities, so that wide ones do not dominate.
        width = np.diff(edges[k])
        uneven = not np.allclose(width, width[0])
        per = width if uneven else np.ones_like(width)
        signal, background = (
            {n: projected(c, experiment.grid, k) / per for n, c in parts[kind].items()}
            for kind in ("signal", "background")
        )
        seen = projected(experiment.observed, experiment.grid, k)
        spectrum(
            edges[k],
            seen / per - background.pop("steady_state"),
            np.maximum(seen, 1.0) / per**2,
            signal,
            background,
            observable=observable,
            axes=frames[:, column],
        )
        if uneven:
            frames[0, column].set_ylabel(f"counts / {UNITS[observable]}")
    return figure


def spectra_figure(
    model: Callable[[], Model], pull: str, observables: Mapping[str, int], title: str, caption: str
) -> tuple[PaperFigure, ...]:
    """The figure of a COHERENT paper, as ``fitted_spectra`` draws it."""
    return (
        PaperFigure(
            "spectra",
            title,
            caption,
            lambda: fitted_spectra(model(), pull, observables),
            "slow",
        ),
    )
