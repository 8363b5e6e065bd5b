"""Figures of Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018.

Events and profiles; regions of quark couplings are in ``quarks``.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.inference.scans.scan import scan
from cevnsjax.plots.style import BLACK, COLOURS, VERMILION, label
from cevnsjax.reproduce.figures.drawing import panels, profiles
from cevnsjax.reproduce.figures.events import (
    events_over_data,
    histograms,
    signal_by_source,
    total_signal,
)
from cevnsjax.reproduce.paper import PaperFigure
from cevnsjax.reproduce.papers.aristizabal2018.quarks import QUARK_FIGURES, SCALED_TEXT, best_fits
from cevnsjax.reproduce.papers.aristizabal2018.rows import effective_model

_LABELS = {"x_label": label("n_pe"), "data_label": "COHERENT 2017"}
# Includes every limit at 99 % of Tables 1 and 2.
_VECTOR_RANGE = (-3.0, 1.2)


def _frame() -> tuple[Figure, Axes]:
    figure, (axes,) = panels(1, width=3.6, height=3.1)
    return figure, axes


def events_by_flavour() -> Figure:
    """Fig. 1: Standard Model events by neutrino source, and data."""
    model = effective_model(scaled=True)
    signal = signal_by_source(model)
    shown = {label(source): counts for source, counts in signal.items()}
    shown["total"] = total_signal(model)
    looks = {label(source): (COLOURS[source], "-") for source in signal} | {"total": (BLACK, "-")}
    return events_over_data(model, shown, looks=looks, **_LABELS)


def beam_on_background() -> Figure:
    """Fig. 2: prompt neutrons by photoelectrons."""
    (experiment,) = effective_model().experiments.values()
    (background,) = experiment.backgrounds.values()
    figure, axes = _frame()
    looks = {"prompt neutrons": (BLACK, "-")}
    shown = {"prompt neutrons": background}
    histograms(
        axes, experiment.edges, shown, x_label=label("n_pe"), y_label="events / 2 PE", looks=looks
    )
    axes.set_ylim(bottom=0.0)
    return figure


def events_at_the_best_fit() -> Figure:
    """Fig. 3: events of the Standard Model and with xi_V at its smaller best fit, and data."""
    model = effective_model(scaled=True)
    best = max(best_fits("V"))
    shown, looks = {}, {}
    for name, xi_V, colour in (
        ("SM", 0.0, BLACK),
        (rf"SM and $\xi_V = {best:.3f}$", best, VERMILION),
    ):
        chi2 = 2 * float(model.profiled_nll({"xi_V": xi_V}))
        text = rf"{name}, $\chi^2_\mathrm{{min}} = {chi2:.2f}$"
        shown[text] = total_signal(model, xi_V=xi_V)
        looks[text] = (colour, "-")
    return events_over_data(model, shown, looks=looks, **_LABELS)


def profiles_of_vector() -> Figure:
    """Fig. 7: Delta chi2 of xi_V alone, and with xi_T or xi_S at their best."""
    model, xi_V = effective_model(scaled=True), np.linspace(*_VECTOR_RANGE, 601)
    curves = {}
    for letter in "TS":
        other = f"xi_{letter}"
        grids: dict[str, Any] = {"xi_V": xi_V, other: np.linspace(0.0, 2.0, 801)}
        grid = scan(model, engine="template", **grids)
        chi2 = grid["chi2"].transpose(other, "xi_V").to_numpy()
        for name, curve in (
            (r"$\xi_V$", chi2[0]),
            (rf"$\xi_V$ and $\xi_{letter}$", chi2.min(axis=0)),
        ):
            curves[name] = (xi_V, curve - curve.min())
    figure, axes = _frame()
    profiles(axes, curves, label=r"$\xi_V$", levels=(0.90, 0.99))
    return figure


FIGURES = (
    PaperFigure(
        "fig1",
        "Fig. 1: expected events by neutrino source",
        "Standard Model events of 6-32 PE before pulls, by source and together, with the data and "
        f"the errors of eq. 10. {SCALED_TEXT} Without the two numbers events are 5 % fewer.",
        events_by_flavour,
    ),
    PaperFigure(
        "fig2",
        "Fig. 2: beam-on background",
        "Prompt neutrons of the data release for 7.48 GWh, with the acceptance of eq. 8 at the "
        "centres of 1-PE bins. They depend on no convention of the analysis.",
        beam_on_background,
    ),
    PaperFigure(
        "fig3",
        "Fig. 3: expected events at the best fit of the vector coupling",
        "Events before pulls, and chi2 with pulls at their best. The other minimum, at "
        "-2 C_V^SM/N - xi_V, gives the same events. "
        f"{SCALED_TEXT} Without the two numbers the best xi_V is -0.09, the paper's is -0.113.",
        events_at_the_best_fit,
    ),
    *QUARK_FIGURES,
    PaperFigure(
        "fig7",
        "Fig. 7: Delta chi2 of the vector coupling in three scenarios",
        "xi_V alone, and with xi_T or xi_S minimised over; each relative to its own minimum. In "
        "the middle, where the paper says that either one brings the fit below 1 sigma, "
        "Delta chi2 is 0.06 with xi_T and 1.13 with xi_S. "
        f"{SCALED_TEXT} Without the two numbers ends of intervals move by 1-4 % of their width.",
        profiles_of_vector,
    ),
)
