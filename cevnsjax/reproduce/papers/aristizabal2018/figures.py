"""Figures of Aristizabal Sierra, De Romeri and Rojas, PRD 98, 075018.

Events and profiles; regions of quark couplings are in ``quarks``.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cevnsjax.inference.scans.scan import scan
from cevnsjax.plots.style import BLACK, COLOURS, VERMILION, label
from cevnsjax.reproduce.figures.drawing import ProfilePanel, paper_figure, profile_figure
from cevnsjax.reproduce.figures.events import histograms, signal_by_source, total_signal
from cevnsjax.reproduce.papers.aristizabal2018.quarks import (
    SCALED_TEXT,
    best_fits,
    scalar_and_vector,
    tensor,
    two_interactions,
)
from cevnsjax.reproduce.papers.aristizabal2018.rows import effective_model

_LABELS: dict[str, Any] = {"x_label": label("n_pe"), "data": "COHERENT 2017"}
_SIZE = (3.6, 3.1)
# Includes every limit at 99 % of Tables 1 and 2.
_VECTOR_RANGE = (-3.0, 1.2)


@paper_figure(
    "fig1",
    "Fig. 1: expected events by neutrino source",
    "Standard Model events of 6-32 PE before pulls, by source and together, with the data and the "
    "errors of eq. 10.",
    SCALED_TEXT,
    "Without the two numbers events are 5 % fewer.",
)
def events_by_flavour() -> Figure:
    model = effective_model(scaled=True)
    signal = signal_by_source(model)
    shown = {label(source): counts for source, counts in signal.items()}
    colours = {label(source): COLOURS[source] for source in signal} | {"total": BLACK}
    shown["total"] = total_signal(model)
    return histograms(model, shown, colours=colours, **_LABELS)


@paper_figure(
    "fig2",
    "Fig. 2: beam-on background",
    "Prompt neutrons of the data release for 7.48 GWh, with the acceptance of eq. 8 at the "
    "centres of 1-PE bins. They depend on no convention of the analysis.",
)
def beam_on_background() -> Figure:
    model, name = effective_model(), "prompt neutrons"
    (experiment,) = model.experiments.values()
    (background,) = experiment.backgrounds.values()
    look: Any = {**_LABELS, "data": "", "colours": {name: BLACK}, "size": _SIZE}
    figure = histograms(model, {name: background}, **look)
    figure.axes[0].set_ylim(bottom=0.0)
    return figure


@paper_figure(
    "fig3",
    "Fig. 3: expected events at the best fit of the vector coupling",
    "Events before pulls, and chi2 with pulls at their best. The other minimum, at "
    "-2 C_V^SM/N - xi_V, gives the same events.",
    SCALED_TEXT,
    "Without the two numbers the best xi_V is -0.09, the paper's is -0.113.",
)
def events_at_the_best_fit() -> Figure:
    model, best = effective_model(scaled=True), max(best_fits("V"))
    shown, colours = {}, {}
    for name, xi_V, colour in (
        ("SM", 0.0, BLACK),
        (rf"SM and $\xi_V = {best:.3f}$", best, VERMILION),
    ):
        chi2 = 2 * float(model.profiled_nll({"xi_V": xi_V}))
        text = rf"{name}, $\chi^2_\mathrm{{min}} = {chi2:.2f}$"
        shown[text], colours[text] = total_signal(model, xi_V=xi_V), colour
    return histograms(model, shown, colours=colours, **_LABELS)


@paper_figure(
    "fig7",
    "Fig. 7: Delta chi2 of the vector coupling in three scenarios",
    "xi_V alone, and with xi_T or xi_S minimised over; each relative to its own minimum. In the "
    "middle, where the paper says that either one brings the fit below 1 sigma, Delta chi2 is 0.06 "
    "with xi_T and 1.13 with xi_S.",
    SCALED_TEXT,
    "Without the two numbers ends of intervals move by 1-4 % of their width.",
)
def profiles_of_vector() -> Figure:
    model, xi_V = effective_model(scaled=True), np.linspace(*_VECTOR_RANGE, 601)
    curves = {}
    for letter in "TS":
        other = f"xi_{letter}"
        grids: dict[str, Any] = {"xi_V": xi_V, other: np.linspace(0.0, 2.0, 801)}
        grid = scan(model, engine="template", **grids)
        chi2 = grid["chi2"].transpose(other, "xi_V").to_numpy()
        curves[r"$\xi_V$"] = xi_V, chi2[0] - chi2[0].min()
        curves[rf"$\xi_V$ and $\xi_{letter}$"] = xi_V, chi2.min(axis=0) - chi2.min()
    panel, (width, height) = ProfilePanel(r"$\xi_V$", curves), _SIZE
    return profile_figure(panel, levels=(0.90, 0.99), width=width, height=height)


FIGURES = (
    events_by_flavour,
    beam_on_background,
    events_at_the_best_fit,
    scalar_and_vector,
    tensor,
    two_interactions,
    profiles_of_vector,
)
