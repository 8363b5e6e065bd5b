"""Figure of COHERENT, PRL 126, 012002: the data and the best fit."""

from cevnsjax.analyses import coherent2020_lar
from cevnsjax.reproduce.figures.coherent_fits import spectra_figure

FIGURES = spectra_figure(
    coherent2020_lar,
    "alpha_sig_lar2020",
    {"E_ee_keV": 1, "f90": 2, "t_us": 3},
    "Fig. 3: events above the steady state in energy, F90 and time, with the best fit",
    "Data of Analysis A less the steady state of the fit, over prompt and delayed beam "
    "neutrons and CEvNS by neutrino source at the best fit of the three-dimensional "
    "likelihood, with the release's pdfs and normalisations as the only nuisances (the paper "
    "fits shape variations too). Errors are roots of the counts.",
)
