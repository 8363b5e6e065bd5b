"""What a row rests on besides its paper: conventions that were chosen, and fitted stand-ins."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

AS_PRINTED = "as printed"
"""What a row without a choice rests on: the paper's text, with obvious misprints repaired."""
REFERENCE = "independent reference"
"""What a row rests on whose tolerance is only the distance at which the reference lands."""


@dataclass(frozen=True)
class Choice:
    """One thing that a paper does not print, or prints otherwise, and that rows rest on.

    Attributes:
        name: Its name in tables.
        kind: "convention" if it was chosen because its numbers are, or come nearest to, the printed
            ones; "stand-in" for what was fitted in place of something that is not among the data.
        text: What was chosen, and what the paper has in its place.
        patterns: Names of the rows that rest on it, without the paper's prefix, with the wildcards
            of a shell.
    """

    name: str
    kind: Literal["convention", "stand-in"]
    text: str
    patterns: tuple[str, ...]

    def holds(self, name: str) -> bool:
        """Whether a row, named without its paper's prefix, rests on the choice."""
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)


def choices_of(row: str) -> tuple[Choice, ...]:
    """The choices that a row rests on, by its full id; none if it is computed as printed."""
    paper, _, name = row.partition("/")
    return tuple(choice for choice in CHOICES.get(paper, ()) if choice.holds(name))


def explained(choices: Sequence[Choice]) -> str:
    """Choices in full, as a Markdown list with a line for each."""
    kinds = {"convention": "chosen convention", "stand-in": "fitted stand-in"}
    return "".join(f"- *{c.name}* ({kinds[c.kind]}): {c.text}.\n" for c in choices)


_MOMENTS_OF_ARGON = (
    *("moment.Ar.fixed.*", "moment.CsI+Ar.fixed.*"),
    *("moment.Ar.free.*", "moment.CsI+Ar.free.*"),
)
CHOICES: dict[str, tuple[Choice, ...]] = {
    "coherent2017": (
        Choice(
            "no smearing",
            "convention",
            "photoelectrons are not smeared, which comes nearer to the printed numbers than "
            "Poisson smearing; the release does not say how the publication smears them",
            ("*",),
        ),
    ),
    "coherent2021": (
        Choice(
            "fitted pulse",
            "stand-in",
            "a Gaussian fitted to the released arrival times of neutrons stands in for the flux "
            "histogram, which is not among the data",
            ("N_*", "chi2min", "dchi2_*", "sigma_fit_*", "sw2*"),
        ),
    ),
    "papoulias2020": (
        Choice(
            "r_A = 1.20",
            "convention",
            "the Klein-Nystrand radius is 1.20 A^(1/3) fm; the printed 1.23 gives 168.4 and 151.4 "
            "events where the paper prints 174 and 158",
            ("N_SM.*", "sin2thetaW_90.*", "s2w_*", "eq11_*", "eps_*", "r2_*", "mu_nu_*"),
        ),
        Choice(
            "half shift",
            "convention",
            "a charge radius shifts sin2_theta_w by half of the printed eq. 17",
            ("r2_*",),
        ),
        Choice(
            "one power of F",
            "convention",
            "the rate of magnetic moments has one power of the form factor where eq. 15 prints two",
            ("mu_nu_F1.*",),
        ),
        Choice(
            "one R_n",
            "convention",
            "protons and neutrons of both nuclei have one radius, and the form factor's 5 % is "
            "taken out of the signal's error in quadrature, except in variants named full",
            ("R_n_*", "eq13_*"),
        ),
    ),
    "aristizabal2018": (
        Choice(
            "scaled",
            "stand-in",
            "all rates x 1.07 and C_V^SM/N = 0.939, two numbers of unknown origin that were fitted "
            "to these tables",
            ("*_scaled",),
        ),
    ),
    "liao_marfatia2017": (
        Choice(
            "box",
            "convention",
            "the range of the couplings and the height of the contour, neither of which is "
            "printed; couplings up to 0.75 and Delta chi2 of one parameter come nearest",
            ("eq12_*",),
        ),
    ),
    "picciau2020": (
        Choice(
            "c20_proxy",
            "stand-in",
            "a quenching curve tuned to the authors' published fits stands in for theirs, which is "
            "not among the data",
            ("*.CsI.*", "*.CsI+Ar.*"),
        ),
        Choice(
            "cut at 1.75 keVee",
            "convention",
            "argon has no events below 1.75 keVee; the cut is on no slide and was chosen by these "
            "tables",
            (
                *("radius.Ar.*", "radius.CsI+Ar.*", "charge.Ar.*", "charge.CsI+Ar.*"),
                *("moment.Ar.fixed_flavourResolved.*", "moment.CsI+Ar.fixed_flavourResolved.*"),
            ),
        ),
        Choice(
            "cut at 1.5 keVee",
            "convention",
            "argon has no events below 1.5 keVee; the cut is on no slide and was chosen by these "
            "tables",
            _MOMENTS_OF_ARGON,
        ),
        Choice(
            "lumped spectrum",
            "convention",
            "moments on argon have one mean spectrum for all sources, which the printed ratio "
            "sqrt2 of their limits asks for",
            _MOMENTS_OF_ARGON,
        ),
        Choice(
            "skin to 1.2 fm",
            "convention",
            "where R_n is free, cesium and iodine have one neutron skin of 0 to 1.2 fm; the range "
            "is on no slide and was chosen by these tables",
            ("*.CsI.free.*", "*.CsI+Ar.free.*"),
        ),
    ),
}
"""Choices by paper, in the order in which tables name them."""
