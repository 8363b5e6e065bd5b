"""Nuisances that builders offer: chosen by name, and the neutrino flux taken apart."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.names import short_name
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.experiments.pull_options import PullOptions, choices_of
from cevnsjax.experiments.systematics import Pull

FLUX = "alpha_flux_sns"
FLUX_SD = 0.10
"""Uncertainty of the neutrino flux in all COHERENT releases to date [1]."""


def chosen_pulls(
    experiment: str,
    offered: Mapping[str, tuple[float, str, str]],
    widths: PullOptions | None,
    *,
    unbounded: bool = False,
    split_flux: bool = False,
) -> tuple[Pull, ...]:
    """The pulls of an experiment with the widths that a user chose.

    Args:
        experiment: Name of the experiment, which the names of the pulls end in.
        offered: Default standard deviation [1], component and its description, by short name.
        widths: Standard deviations by short name, or ``Pull`` with a kind; 0 removes a pull,
            infinity leaves it free [1].
        unbounded: Whether infinity is allowed.
        split_flux: Whether to split the signal pull as ``with_flux_apart`` does.
    """
    short = short_name(experiment)
    pulls = {
        name: Pull(f"alpha_{name}_{short}", sd, (component,), f"relative shift of {what}")
        for name, (sd, component, what) in offered.items()
    }
    for name, choice in choices_of(experiment, widths, unbounded=unbounded).items():
        if name not in pulls:
            raise UnknownNameError(f"{experiment} pull", name, pulls)
        sd, kind = choice.sd, choice.kind
        pulls[name] = replace(
            pulls[name],
            sd=pulls[name].sd if sd is None else sd,
            kind=pulls[name].kind if kind is None else kind,
        )
    chosen = tuple(p for p in pulls.values() if p.sd > 0)
    split = checks.flag(f"{experiment}: split_flux", split_flux)
    return with_flux_apart(chosen) if split else chosen


def chosen_morphs(
    experiment: str, names: str | Sequence[str], offered: Collection[str]
) -> list[str]:
    """The shape nuisances that a user chose: a name, names, or "all" that are offered."""
    listed = checks.names(f"{experiment}: morphs", names, example=list(offered))
    if listed == ["all"]:
        return list(offered)
    if "all" in listed:
        raise InputError(f"{experiment}: morphs are 'all' or names, got {listed}")
    for name in listed:
        checks.known(experiment, morph=(name, [*offered, "all"]))
    return listed


def with_flux_apart(pulls: Sequence[Pull]) -> tuple[Pull, ...]:
    """The signal pull split into the flux, shared under one name, and the rest in quadrature.

    The pulls are one experiment's, and ``alpha_flux_sns`` comes first. An InputError says that the
    signal has no pull, or a narrower one than the flux.
    """
    lumped = [p for p in pulls if p.components == (SIGNAL,)]
    if len(lumped) != 1 or lumped[0].sd < FLUX_SD:
        sd = lumped[0].sd if lumped else 0
        raise InputError(
            f"split_flux needs a signal pull of at least {FLUX_SD}, the uncertainty of the flux, "
            f"got {sd}; leave it lumped"
        )
    (signal,) = lumped
    if signal.is_lognormal:
        raise InputError(
            "split_flux takes a normal signal pull apart; leave a lognormal one lumped"
        )
    rest = math.sqrt(signal.sd**2 - FLUX_SD**2) if math.isfinite(signal.sd) else signal.sd
    flux = Pull(FLUX, FLUX_SD, (SIGNAL,), "neutrino flux of the SNS")
    others = [p for p in pulls if p is not signal]
    remainder = Pull(signal.name, rest, (SIGNAL,), f"{signal.meaning} but for the flux")
    return (flux, *((remainder,) if rest > 0 else ()), *others)
