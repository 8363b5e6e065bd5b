"""Figures of the slides of Picciau 2020 (Cadeddu et al.): mediators, profiles, mixing angle."""

from functools import partial

from cevnsjax.reproduce.paper import PaperFigure
from cevnsjax.reproduce.papers.picciau2020.mediators import mediator
from cevnsjax.reproduce.papers.picciau2020.profiles import (
    electromagnetic,
    neutron_radius,
    running,
    weak_mixing_angle,
)
from cevnsjax.reproduce.papers.picciau2020.rates import rates

_PROXY = (
    "On the CsI side a tuned proxy stands in for the authors' quenching curve, which is not among "
    "the data."
)
_REGIONS = (
    "Excluded at 2 sigma (Delta chi2 = 6.18, two parameters, above the lowest point of the frame, "
    "whose Standard Model is the corner of small couplings) by CsI 2017 integrated over time (12 "
    "bins, signal 11.2 %, neutrons 25 %, quenching 5.1 % inside n_PE), by argon (12 energies, "
    "signal 13.4 %, neutrons 32 % and 100 %) and by both. Grey: couplings that give Delta a_mu = "
    "(29 +- 9)e-10 within 2 sigma, the number of Liao and Marfatia 2017; the slides print none. "
    "Lines of other experiments, whose numbers the slides do not print, are left out. " + _PROXY
)
_MODELS = {
    "universal": "All fermions have charge 1: the boson cancels the Standard Model's amplitude or "
    "reverses its sign; the line along which it does so is allowed again. ",
    "B-L": "Amplitudes add to the Standard Model's. ",
    "L_mu-L_tau": "One loop couples the boson to protons, with the minus sign of the slide, so "
    "that events of muon flavour are enhanced; the loop itself gives a plus. ",
}


def _exclusion(boson: str, text: str) -> PaperFigure:
    stem = boson.replace("-", "").replace("_", "")
    title = f"Slide on constraints: {boson.replace('_', '')} boson, coupling against mass"
    return PaperFigure(stem, title, text + _REGIONS, partial(mediator, boson), "slow")


FIGURES = (
    PaperFigure(
        "rates",
        "Slide on mediators: events on argon with and without a boson",
        "Recoils in 24 kg of argon before efficiency, with a boson of 10 MeV whose couplings are "
        "examples chosen here; the slide prints none. The universal boson adds events at low "
        "energies and cancels them at some higher one; the others add everywhere, L_mu - L_tau "
        "with the minus sign of the slide.",
        rates,
    ),
    *(_exclusion(boson, text) for boson, text in _MODELS.items()),
    PaperFigure(
        "sin2_theta_w",
        "Slide on the weak mixing angle: Delta chi2 from argon, CsI and both",
        "Printed couplings, R_n from theory; lines at 1, 2 and 3 sigma. " + _PROXY,
        weak_mixing_angle,
        "slow",
    ),
    PaperFigure(
        "R_n_Ar",
        "Slide on the neutron radius: Delta chi2 against R_n of argon",
        "Signal 13.2 %, the form factor's part taken out; R_n at or above R_p = 3.448 fm, where "
        "the lowest chi2 lies, as on the slides. Lines at 1, 2 and 3 sigma.",
        neutron_radius,
    ),
    PaperFigure(
        "electromagnetic_Ar",
        "Slides on electromagnetic properties: Delta chi2 from argon, fixed R_n",
        "Charge radii (total reading), electric charges and moments, each profiled over the others "
        "of its table, with off-diagonal quantities and moments at or above 0. Cuts at 1.75 and, "
        "for moments, 1.5 keVee, and one spectrum for all sources in moments, which reproduces the "
        "tables. The tables' ends are the outermost crossings at 1, 2 and 3 sigma.",
        electromagnetic,
        "slow",
    ),
    PaperFigure(
        "running",
        "Fig. 4 of PRD 102, 015030: sin2_theta_w against momentum transfer",
        "Argon, CsI 2017 and both at the mean momentum transfer of the events each expects; bars "
        "are 1 sigma, and the standard deviation of q. The line is the printed prediction 0.23857 "
        "at low energy; its running, and points of other experiments, of which the slides print "
        "no numbers, are left out. " + _PROXY,
        running,
        "slow",
    ),
)
"""In the order of the slides."""
