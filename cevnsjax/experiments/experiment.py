"""What an experiment is: data, target, source, detector, backgrounds and nuisances; no theory.

``Experiment`` is the recipe in NumPy float64; ``arrays.arrays_of`` turns it into the pytree that a
compiled program takes as its argument.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, NotRequired, TypedDict

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from cevnsjax.core.errors import InputError
from cevnsjax.core.kinematics import Kinematics
from cevnsjax.core.real_arrays import real_array, require_countable
from cevnsjax.detector.detector import Detector, Variant
from cevnsjax.detector.refine import Checked
from cevnsjax.experiments.electrons import CheckedElectrons, checked_electrons, require_like
from cevnsjax.experiments.names import require_components, require_free_names, require_once
from cevnsjax.experiments.recoils import Recoils, checked_response
from cevnsjax.experiments.systematics import (
    Cells,
    Morph,
    Pull,
    Spread,
    require_free_lognormals_alone,
)
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.nuclei import Target
from cevnsjax.parameters import Parameter

SIGNAL = "signal"
"""Component name of the CEvNS signal."""


class ExperimentData(TypedDict):
    """The arguments of ``Experiment`` that depend on its statistic; see there."""

    observed: Cells
    variance: Cells
    backgrounds: dict[str, Cells]
    morphs: NotRequired[tuple[Morph, ...]]
    extra: NotRequired[dict[str, tuple[float, ...]]]
    spread: NotRequired[Spread]
    statistic: NotRequired[Literal["gaussian", "poisson"]]


@dataclass(frozen=True, eq=False)
class Experiment:
    """The data of one experiment, and the recipe of its predictions.

    Attributes:
        name: Name, e.g. "csi-2017".
        target: Detector material.
        mass_kg: Active mass [kg].
        flux: Neutrino source.
        detector: Quenching, efficiency, resolution and bins.
        observable: Name of the binned observable.
        observed: Observed counts, background-subtracted where the papers do so, [cell] [count].
        variance: Variance of ``observed``, [cell] [count^2].
        backgrounds: Expected background counts, {component: [cell]} [count].
        pulls: Linear nuisances.
        shape: Nonlinear shape parameters by the short name that the detector knows them by.
        morphs: Shape nuisances that interpolate counts; Poisson only.
        extra: Edges of further binned observables after the first, in order; counts are flattened
            over all axes, the last running fastest.
        spread: How the signal falls on the further axes, {source: [bin, cell of the others]} [1].
        statistic: "gaussian" or "poisson".
        title: One line for tables and plots.
        source: Citation.
        electrons: How electrons that neutrinos strike are seen, in the same bins; they are part of
            the signal. None does not count them.

    ``print(experiment)`` says what it is, as ``cevnsjax show`` does.

    Examples:
        >>> float(csi.observed.sum()), csi.grid, sorted(csi.backgrounds)
        (142.0, (12,), ['prompt_neutrons'])
    """

    name: str
    target: Target
    mass_kg: float
    flux: NeutrinoSource
    detector: Detector
    observable: str
    observed: Cells
    variance: Cells
    backgrounds: dict[str, Cells]
    pulls: tuple[Pull, ...]
    shape: dict[str, Parameter] = field(default_factory=dict)
    morphs: tuple[Morph, ...] = ()
    extra: dict[str, tuple[float, ...]] = field(default_factory=dict)
    spread: Spread = field(default_factory=dict)
    statistic: Literal["gaussian", "poisson"] = "gaussian"
    title: str = ""
    source: str = ""
    electrons: Detector | None = None

    def __post_init__(self) -> None:
        self._check_names()
        bins = (int(np.prod(self.grid)),)
        self._set_counts()
        counts = {"observed": self.observed, "variance": self.variance, **self.backgrounds}
        for what, array in counts.items():
            if array.shape != bins:
                raise InputError(f"{self.name}: {what} has shape {array.shape}, expected {bins}")
            if not np.all(np.isfinite(array)):
                raise InputError(f"{self.name}: {what} is not finite everywhere: {array}")
            if what != "variance":
                require_countable(f"{self.name}: {what}", array)
        self._check_cells(bins)
        if not self.mass_kg > 0:
            raise InputError(f"{self.name}: mass_kg must be > 0, got {self.mass_kg}")
        if not np.all(self.variance > 0):
            empty = np.flatnonzero(self.variance <= 0).tolist()
            raise InputError(
                f"{self.name}: bins {empty} have no variance (empty in signal and background "
                "windows); merge them or choose another window"
            )
        if self.electrons is not None:
            require_like(self.name, self.electrons, self.detector, self.morphs)
        try:
            self.checked("approximate")
            self.checked_electrons()
        except InputError as problem:
            raise InputError(f"{self.name}: {problem}") from None

    def _set_counts(self) -> None:
        """Make arrays of NumPy of the counts, whatever holds them."""
        for what in ("observed", "variance"):
            array = real_array(f"{self.name}: {what}", getattr(self, what))
            object.__setattr__(self, what, array)
        arrays = {c: real_array(f"{self.name}: {c}", x) for c, x in self.backgrounds.items()}
        object.__setattr__(self, "backgrounds", arrays)

    def _check_names(self) -> None:
        """Check that no two things share a name."""
        require_free_names(self.name, self.backgrounds, self.flux.sources)
        pulls = {p.name: p.components for p in self.pulls}
        require_components(self.name, pulls, (SIGNAL, *self.backgrounds))
        require_free_lognormals_alone(self.name, self.pulls)
        require_once(self.name, "observables", (self.observable, *self.extra))
        require_once(self.name, "nuisances", (p.name for p in self.parameters))
        for p in self.shape.values():
            if not np.all(np.isfinite(p.bounds)):
                raise InputError(
                    f"{self.name}: {p.name} moves the response, which must be right within its "
                    f"bounds; give finite ones for {list(p.bounds)}"
                )

    def _check_cells(self, bins: tuple[int, ...]) -> None:
        """Check that data, morphs and the spread of the signal fit the cells and the statistic."""
        if self.statistic not in ("gaussian", "poisson"):
            raise InputError(
                f"{self.name}: statistic must be gaussian or poisson, got {self.statistic!r}"
            )
        if self.statistic == "poisson" and np.any(self.observed < 0):
            raise InputError(f"{self.name}: observed counts must be >= 0 in a Poisson likelihood")
        if self.statistic != "poisson" and self.morphs:
            raise InputError(f"{self.name}: morphs need statistic='poisson'")
        shape = (self.grid[0], int(np.prod(self.grid[1:])))
        spreads = {"spread": self.spread} if self.extra or self.spread else {}
        spreads |= {f"{m.name} spread": s for m in self.morphs for s in m.spread or ()}
        for what, spread in spreads.items():
            shapes = {s: x.shape for s, x in spread.items()}
            if shapes != dict.fromkeys(self.flux.sources, shape):
                raise InputError(
                    f"{self.name}: {what} needs shape {shape} for each of {self.flux.sources}, "
                    f"got {shapes}"
                )
        for m in self.morphs:
            m.require_cells(self.name, list(self.backgrounds), bins)

    def checked(
        self, kinematics: Kinematics, steepness: int = 0, oscillating: tuple[str, ...] = ()
    ) -> Checked:
        """The response, refined until it reaches the accuracy of the detector.

        It serves shape parameters anywhere within their bounds, and all morphs.

        Args:
            kinematics: Convention of the theory; panels break at its end points.
            steepness: Power p of its recoil spectra that rise towards T = 0 as T^-p.
            oscillating: Structures of its cross section if its neutrinos oscillate.
        """
        others = tuple(Variant(d) for m in self.morphs for d in m.detectors or ())
        box = tuple((short, *map(float, p.bounds)) for short, p in self.shape.items())
        recoils = Recoils(self.flux, self.target, kinematics, steepness, oscillating)
        return checked_response(self.detector, recoils, others, box)

    def checked_electrons(
        self, steepness: int = 0, oscillating: tuple[str, ...] = ()
    ) -> CheckedElectrons | None:
        """The response to electrons, refined like that of nuclei; None if they are not counted.

        Args:
            steepness: Power p of the theory's spectra that rise towards T = 0 as T^-p.
            oscillating: Structures of its cross section if its neutrinos oscillate.
        """
        if self.electrons is None:
            return None
        struck = self.flux, self.target, steepness, oscillating
        return checked_electrons(self.electrons, self.morphs, *struck)

    @property
    def accuracy(self) -> float:
        """Estimated error of a cell, a bin filled by one source, in parts of the largest [1]."""
        electrons = self.checked_electrons()
        nuclear = self.checked("approximate").accuracy
        return nuclear if electrons is None else max(nuclear, electrons[0].accuracy)

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of bins on each axis."""
        return (len(self.detector.edges) - 1, *(len(e) - 1 for e in self.extra.values()))

    @property
    def edges(self) -> Float[np.ndarray, " edge"]:
        """Bin edges of the observable."""
        return np.array(self.detector.edges)

    @property
    def parameters(self) -> list[Parameter]:
        """Nuisance parameters of the experiment."""
        linear = [p.parameter(self.name) for p in (*self.pulls, *self.morphs)]
        return [*self.shape.values(), *linear]

    def __str__(self) -> str:
        from cevnsjax.experiments.description import description, text_of

        return text_of(description(self))

    def with_data(self, observed: ArrayLike) -> "Experiment":
        """The same experiment with other observed counts; the variance stays.

        Args:
            observed: Counts, [cell] [count].

        Examples:
            >>> float(csi.with_data(np.full(12, 10.0)).observed.sum())
            120.0
        """
        return replace(self, observed=real_array(f"{self.name}: observed", observed))
