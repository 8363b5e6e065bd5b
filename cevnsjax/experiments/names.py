"""Names within an experiment and between experiments: two things never share one unasked."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.names import is_own

TAKEN = ("signal", "observed", "variance", "total")
"""Words that stand beside the backgrounds in tables and results."""


def require_once(experiment: str, what: str, names: Iterable[str]) -> None:
    """Refuse a name that two things of one experiment have."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{experiment}: two {what} are called {name}; give each its own name")
        seen.add(name)


def require_free_names(experiment: str, backgrounds: Iterable[str], sources: Sequence[str]) -> None:
    """Refuse backgrounds with the name of a neutrino source or of a word in ``TAKEN``."""
    for name in backgrounds:
        if name in (*TAKEN, *sources):
            raise InputError(
                f"{experiment}: a background cannot be called {name!r}; use another name than "
                f"{', '.join((*TAKEN, *sources))}"
            )


def require_components(
    experiment: str, pulls: Mapping[str, Iterable[str]], components: Collection[str]
) -> None:
    """Refuse pulls of components that the experiment does not have, {pull: components}."""
    for pull, names in pulls.items():
        for name in names:
            if name not in components:
                raise UnknownNameError(f"component of {pull} in {experiment}", name, components)


def require_meant(nuisances: Mapping[str, Iterable[str]]) -> None:
    """Refuse nuisances of two experiments that coincide unasked, {experiment: names}.

    Sharing is meant where at most one of the experiments has the nuisance as its own.
    """
    owners: dict[str, str] = {}
    for experiment, names in nuisances.items():
        for name in names:
            if not is_own(name, experiment):
                continue
            if name in owners:
                raise InputError(
                    f"{owners[name]} and {experiment} would share the nuisance {name}, because "
                    "their names differ too little; rename one of the two experiments"
                )
            owners[name] = experiment
