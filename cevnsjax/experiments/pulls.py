"""What the experiments at the Spallation Neutron Source have in common: the neutrino flux."""

import math
from collections.abc import Sequence

from cevnsjax.errors import InputError
from cevnsjax.experiments.experiment import SIGNAL, Pull

FLUX = "alpha_flux_sns"
FLUX_SD = 0.10
"""Uncertainty of the neutrino flux in all COHERENT releases to date [1]."""


def with_flux_apart(pulls: Sequence[Pull]) -> tuple[Pull, ...]:
    """The lumped signal pull as the flux, shared under one name, and the rest in quadrature.

    Args:
        pulls: Pulls of one experiment.

    Returns:
        The same with ``alpha_flux_sns`` first.

    Raises:
        InputError: If there is no signal pull, or it is narrower than the flux.
    """
    lumped = [p for p in pulls if p.components == (SIGNAL,)]
    if len(lumped) != 1 or lumped[0].sd < FLUX_SD:
        found = lumped[0].sd if lumped else 0
        raise InputError(
            f"split_flux needs a signal pull of at least {FLUX_SD}, the uncertainty of the flux, "
            f"got {found}; leave it lumped"
        )
    (signal,) = lumped
    rest = math.sqrt(signal.sd**2 - FLUX_SD**2) if math.isfinite(signal.sd) else signal.sd
    flux = Pull(FLUX, FLUX_SD, (SIGNAL,), "neutrino flux of the SNS")
    others = [p for p in pulls if p is not signal]
    own = Pull(signal.name, rest, (SIGNAL,), f"{signal.meaning} but for the flux")
    return (flux, *((own,) if rest > 0 else ()), *others)
