"""Arrays of an experiment: the pytree a compiled program takes as argument."""

import math
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import ArrayLike, Float

from cevnsjax.core.kinematics import Kinematics
from cevnsjax.core.types import AtNodes, RealLike, pytree, static
from cevnsjax.cross_section import Kernels, fermi_scale
from cevnsjax.detector.matrices import ResponseMatrix
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.recipe import SignalRecipe
from cevnsjax.experiments.recoils import Recoils, require_threshold
from cevnsjax.experiments.signal_arrays import electron_arrays, shape_arrays, static_signal
from cevnsjax.flux.oscillation import NodesAbove

# Lognormal pulls are wide above this standard deviation [1].
_WIDE = 0.3
# jax arrays in programs; forecasts compute designs with NumPy.
CellNumbers = Float[Any, "cell"]


@pytree
class ExperimentArrays:
    """Arrays of one experiment; every array is a leaf, every name is static.

    Attributes:
        weights: Inverse variances, [bin] [1/count^2].
        backgrounds: Expected background counts by component, each [bin].
        norms: Events per MeV of recoil and unit of charge squared, {nucleus: scalar} [1/MeV].
        T_nr: Nodes, [node] [MeV]; unused where shape parameters move them.
        R: What nodes count in bins [MeV].
        kernels: {nucleus: {structure: {source: [node]}}} [1].
        pull_sd: Standard deviations of pulls and morphs, {name: scalar}.
        log_widths: For lognormal pulls, free ones too, the logarithm of the factor at one standard
            deviation, {name: scalar} [1].
        spread: Where the signal is binned in more than its energy: how a bin's events fall on the
            other axes, [source, bin, cell of the other axes] [1]. None otherwise.
        R_morphs: For each of ``R_moved`` the linear and the curved part of the change of R by a
            morph, as two variants [MeV]; None if there is none.
        spread_morphs: Likewise of ``spread`` for ``spread_moved``, [2 x morph, source, bin, cell].
        has_wide_pulls: Whether lognormal pulls that are solved may give chi2 curved valleys.
        component_morphs: Likewise of backgrounds, {name: {component: ([cell], [cell])}} [count].
        above: Where neutrinos oscillate and the nodes do not move, nodes of the flux moments,
            {source: nodes}. Empty otherwise.
        electrons: Nodes, responses and kernels of the electrons that the experiment counts, with
            numbers of electrons in ``norms`` by node; None if it counts none.
    """

    weights: CellNumbers
    backgrounds: dict[str, CellNumbers]
    norms: dict[str, RealLike]
    T_nr: AtNodes
    R: ResponseMatrix
    kernels: dict[str, Kernels]
    pull_sd: dict[str, RealLike]
    log_widths: dict[str, RealLike]
    above: dict[str, NodesAbove]
    spread: Float[Any, "source bin other"] | None
    R_morphs: ResponseMatrix | None
    spread_morphs: Float[Any, "spread_morph source bin other"] | None
    component_morphs: dict[str, dict[str, tuple[CellNumbers, CellNumbers]]]
    name: str = static()
    signal: SignalRecipe = static()
    pulls: tuple[tuple[str, tuple[str, ...]], ...] = static()
    free_pulls: tuple[tuple[str, tuple[str, ...]], ...] = static()
    morphs: tuple[str, ...] = static()
    R_moved: tuple[str, ...] = static()
    spread_moved: tuple[str, ...] = static()
    shape: tuple[tuple[str, str], ...] = static()
    statistic: str = static()
    has_wide_pulls: bool = static()
    electrons: "ExperimentArrays | None" = None

    @property
    def for_signal(self) -> "ExperimentArrays":
        """What the signal before nuisances depends on, without names and likelihood."""
        nothing = {"backgrounds": {}, "pull_sd": {}, "log_widths": {}}
        unnamed = {"name": "", "pulls": (), "free_pulls": (), "morphs": (), "statistic": ""}
        unnamed["has_wide_pulls"] = False
        morphs = {"R_moved": (), "spread_moved": (), "spread_morphs": None, "component_morphs": {}}
        return replace(self, **nothing, **unnamed, **morphs)


def arrays_of(
    experiment: Experiment,
    kinematics: Kinematics,
    dtype: np.dtype,
    structures: tuple[str, ...] = ("vector",),
    *,
    electron_structures: tuple[str, ...] = ("vector", "axial", "interference"),
    steepness: int = 0,
    massless: bool = False,
    oscillating: bool = False,
    free_pulls: Collection[str] = (),
) -> ExperimentArrays:
    """The pytree of arrays for a compiled program.

    Args:
        experiment: The recipe.
        kinematics: Convention of the theory; panels break at its end points.
        dtype: Float type of every array.
        structures: Structures of the cross section the theory fills.
        electron_structures: Those that it fills on electrons.
        steepness: Power p of the theory's recoil spectra that rise towards T = 0 as T^-p.
        massless: Whether they rise without end, so that the experiment needs a threshold.
        oscillating: Whether the theory has survival probabilities.
        free_pulls: Names of pulls that are parameters like any other instead of being solved.
    """
    e = experiment
    checked = e.checked(kinematics, steepness, structures if oscillating else ())
    if massless:
        require_threshold(e.name, checked, Recoils(e.flux, e.target, kinematics))
    signal = SignalRecipe(
        checked.detector, e.flux, e.target.nuclei, kinematics, structures, checked.panels
    )
    T_nr, R, kernel = static_signal(signal)
    is_moving = signal.has_moving_nodes and bool(e.shape)
    arrays = {
        "weights": 1 / e.variance,
        "backgrounds": e.backgrounds,
        "norms": {
            n.name: e.mass_kg * per_kg * e.flux.fluence * fermi_scale(n.mass)
            for n, per_kg in zip(e.target.nuclei, e.target.per_kg, strict=True)
        },
        "T_nr": T_nr,
        "R": R,
        "kernels": kernel,
        "pull_sd": {
            n.name: n.parameter_sd for n in (*e.pulls, *e.morphs) if n.name not in free_pulls
        },
        "log_widths": {p.name: math.log1p(p.sd) for p in e.pulls if p.is_lognormal},
        "above": signal.nodes_above(T_nr) if oscillating and not is_moving else {},
        **shape_arrays(e, signal, T_nr, R),
    }
    counted = ExperimentArrays(
        **jax.tree.map(partial(leaf, dtype=dtype), arrays),
        name=e.name,
        signal=signal,
        pulls=tuple((p.name, p.components) for p in e.pulls if p.name not in free_pulls),
        free_pulls=tuple((p.name, p.components) for p in e.pulls if p.name in free_pulls),
        morphs=tuple(m.name for m in e.morphs),
        R_moved=tuple(m.name for m in e.morphs if m.detectors),
        spread_moved=tuple(m.name for m in e.morphs if m.spread),
        shape=tuple((short, p.name) for short, p in e.shape.items()),
        statistic=e.statistic,
        has_wide_pulls=any(
            p.is_lognormal and p.sd > _WIDE and p.name not in free_pulls for p in e.pulls
        ),
    )
    if e.electrons is None:
        return counted
    struck = electron_arrays(e, electron_structures, steepness=steepness, oscillating=oscillating)
    signal, own = struck
    own = jax.tree.map(partial(leaf, dtype=dtype), own)
    electrons = replace(counted.for_signal, **own, signal=signal, shape=(), spread=None)
    return replace(counted, electrons=electrons)


def leaf(array: ArrayLike, dtype: np.dtype) -> jax.Array:
    """An array as a program takes it: of real numbers, or the numbers of bins and nodes."""
    numbers = np.asarray(array)
    is_index = np.issubdtype(numbers.dtype, np.integer) and numbers.ndim > 0
    return jax.device_put(np.array(numbers, dtype=np.int32 if is_index else dtype))
