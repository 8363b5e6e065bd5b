"""Figure of COHERENT, Science 357, 1123: the data and the best fit."""

from cevnsjax.analyses import coherent2017
from cevnsjax.reproduce.figures.coherent_fits import spectra_figure

FIGURES = spectra_figure(
    coherent2017,
    "alpha_sig_csi2017",
    {"n_pe": 0, "t_us": 1},
    "Fig. 3: events above the steady state in photoelectrons and in time, with the best fit",
    "Beam-on data of 6-30 PE and 0-12 us less the steady state of the fit, over beam "
    "neutrons and CEvNS by neutrino source at the best fit of the two-dimensional likelihood. "
    "Errors are roots of the counts; the paper subtracts anticoincidence data bin by bin and shows "
    "their errors too. No smearing of photoelectrons, which the release does not describe.",
)
