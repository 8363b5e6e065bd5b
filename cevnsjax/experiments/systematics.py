"""Systematic uncertainties of an experiment: pulls multiply its components, morphs bend them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.names import stem
from cevnsjax.detector.detector import Detector
from cevnsjax.parameters import Normal, Parameter

PULL_KINDS = ("normal", "lognormal")
"""How a pull multiplies its components."""
# One number for each cell; Experiment checks the shape itself, with a message of its own.
Cells = Float[np.ndarray, "..."]
"""Counts in the cells: the bins of the observable, or of all observables, flattened [count]."""
Spread = dict[str, Float[np.ndarray, "_bin _other"]]
"""How the signal of each source falls on the cells of the other observables [1]."""


@dataclass(frozen=True)
class Pull:
    """A nuisance that multiplies its components: by 1 + value, or by exp(value ln(1 + sd)).

    The first is normal, with values of standard deviation ``sd``; the second is lognormal, with
    values in standard deviations, and keeps its components above 0.

    Attributes:
        name: Full parameter name, e.g. ``alpha_sig_csi2017``.
        sd: Relative change of the components at one standard deviation; infinity leaves the pull
            unconstrained, of either kind [1].
        components: Names of the components that it multiplies.
        meaning: One line for tables.
        kind: "normal" or "lognormal".

    Examples:
        >>> from dataclasses import replace
        >>> pull = cj.experiments.Pull("alpha_sig_csi2017", 0.2, ("signal",), "signal")
        >>> wider = replace(csi, pulls=(pull, *csi.pulls[1:]))
        >>> [p.sd for p in wider.pulls]
        [0.2, 0.25]
    """

    name: str
    sd: float
    components: tuple[str, ...]
    meaning: str
    kind: Literal["normal", "lognormal"] = "normal"

    def __post_init__(self) -> None:
        if self.kind not in PULL_KINDS:
            raise UnknownNameError(f"{self.name}: kind of pull", self.kind, PULL_KINDS)

    @property
    def is_lognormal(self) -> bool:
        """Whether it multiplies by an exponential; an unconstrained pull of any kind does not."""
        return self.kind == "lognormal" and math.isfinite(self.sd)

    @property
    def parameter_sd(self) -> float:
        """Standard deviation of the parameter [1]."""
        return 1.0 if self.is_lognormal else self.sd

    def parameter(self, owner: str) -> Parameter:
        """The pull as an entry of a parameter table."""
        return _nuisance(self.name, self.meaning, self.parameter_sd, owner)


def require_free_lognormals_alone(experiment: str, pulls: Sequence[Pull]) -> None:
    """Reject an unconstrained lognormal pull beside another pull of its component.

    Alone it is a factor of any size at or above 0, as an unconstrained normal one. Beside others
    factors multiply where normal pulls add, and no constraint tells how far a factor may go.
    """
    for pull in pulls:
        if pull.kind == "normal" or pull.is_lognormal:
            continue
        for other in pulls:
            if other is not pull and (both := set(other.components) & set(pull.components)):
                raise InputError(
                    f"{experiment}: {pull.name} is lognormal without constraint and shares "
                    f"{sorted(both)} with {other.name}; give it a finite sd, or kind normal"
                )


@dataclass(frozen=True, eq=False)
class Morph:
    """A shape nuisance: counts at +1 and -1 sigma, interpolated through both and the nominal ones.

    Counts that would fall below a tenth of nominal stay positive (``likelihood.components``).

    Attributes:
        name: Full parameter name, e.g. ``alpha_qf_1_csi2021``.
        meaning: One line for tables.
        detectors: Detectors at +1 and -1 sigma, if the nuisance changes the signal's response.
        spread: ``Experiment.spread`` at +1 and -1 sigma, if it changes that [1].
        components: Backgrounds at +1 and -1 sigma, {component: ([cell], [cell])} [count].
        sd: Standard deviation of the value [1].

    Examples:
        >>> from dataclasses import replace
        >>> full = cj.experiments.csi_2021(morphs=())
        >>> sides = tuple(full.backgrounds["brn"] * factor for factor in (1.1, 0.9))
        >>> morph = cj.experiments.Morph("alpha_brn_shape_mine", "BRN", components={"brn": sides})
        >>> cj.Model(replace(full, morphs=(morph,))).parameters["alpha_brn_shape_mine"].owner
        'csi-2021'
    """

    name: str
    meaning: str
    detectors: tuple[Detector, Detector] | None = None
    spread: tuple[Spread, Spread] | None = None
    components: dict[str, tuple[Cells, Cells]] = field(default_factory=dict)
    sd: float = 1.0

    @property
    def parameter_sd(self) -> float:
        """Standard deviation of the parameter [1]."""
        return self.sd

    def parameter(self, owner: str) -> Parameter:
        """The morph as an entry of a parameter table."""
        return _nuisance(self.name, self.meaning, self.sd, owner)

    def require_cells(
        self, experiment: str, backgrounds: Sequence[str], bins: tuple[int, ...]
    ) -> None:
        """Reject shifts of what is no background, or of other shapes than the cells."""
        for c, sides in self.components.items():
            shapes = [side.shape for side in sides]
            if c not in backgrounds or shapes != [bins, bins]:
                raise InputError(
                    f"{experiment}: {self.name} changes {c!r} with shapes {shapes}; known are "
                    f"{list(backgrounds)} with shape {bins} at +1 and -1 sigma"
                )


def _nuisance(name: str, meaning: str, sd: float, owner: str) -> Parameter:
    short = stem(name, owner).replace("_", r"\_")
    return Parameter(
        name=name,
        meaning=meaning,
        default=0.0,
        latex=rf"\alpha_\mathrm{{{short}}}",
        scale=sd if np.isfinite(sd) else 1.0,
        prior=Normal(0.0, sd) if np.isfinite(sd) else None,
        kind="nuisance",
        linear=True,
        owner=owner,
    )
