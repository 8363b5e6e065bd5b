"""Figure of COHERENT, PRL 129, 081801: the data and the best fit."""

from cevnsjax.analyses import coherent2021
from cevnsjax.reproduce.figures.coherent_fits import spectra_figure

FIGURES = spectra_figure(
    coherent2021,
    "alpha_sig_csi2021",
    {"n_pe": 0, "t_us": 1},
    "Events above the steady state in photoelectrons and in time, with the best fit",
    "Data of 0-60 PE and 0-6 us less the steady state of the fit, over beam-related and "
    "neutrino-induced neutrons and CEvNS by neutrino source at the best fit with the signal "
    "free; densities, since bins of the likelihood differ in width. Errors are "
    "roots of the counts. No shape variations.",
)
