"""Arrays of a signal: nodes and kernels, shifted responses, the spread over further axes."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, PyTree

from cevnsjax.core.errors import InputError
from cevnsjax.cross_section import Kernels, fermi_scale
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.matrices import ResponseMatrix, combined
from cevnsjax.detector.response import response
from cevnsjax.electrons import ELECTRON
from cevnsjax.experiments.electrons import require_known_levels
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.recipe import SignalRecipe
from cevnsjax.experiments.systematics import Morph

Template = Float[np.ndarray, "*shape"]


def electron_arrays(
    e: Experiment,
    structures: tuple[str, ...],
    *,
    steepness: int,
    oscillating: bool,
) -> tuple[SignalRecipe, dict[str, PyTree]]:
    """Recipe and arrays of the electrons of an experiment that counts them."""
    found = e.checked_electrons(steepness, structures if oscillating else ())
    assert found is not None
    checked, recoils = found
    if steepness:
        require_known_levels(e.name, checked, recoils)
    signal = SignalRecipe(
        checked.detector,
        e.flux,
        (ELECTRON,),
        "exact",
        structures,
        checked.panels,
        recoils.breaks,
    )
    T, R, kernel = static_signal(signal)
    shifted = [d.of_electrons for m in e.morphs for d in m.detectors or ()]
    names = [m for m in e.morphs for _ in m.detectors or ()]
    moved = [_moved_response(e, m, signal, T, d) for m, d in zip(names, shifted, strict=True)]
    per_electron = e.mass_kg * e.flux.fluence * fermi_scale(ELECTRON.mass)
    return signal, {
        "norms": {ELECTRON.name: recoils.electrons.freed(T) * per_electron},
        "T_nr": T,
        "R": R,
        "kernels": kernel,
        "above": signal.nodes_above(T) if oscillating else {},
        "R_morphs": _shifts(R, moved) if moved else None,
        "weights": np.zeros(0),
    }


def _moved_response(
    e: Experiment,
    morph: Morph,
    signal: SignalRecipe,
    T_nr: Float[np.ndarray, " node"],
    detector: Detector,
) -> ResponseMatrix:
    """Response of a shifted detector at the nominal nodes [MeV].

    A shift that moves the nodes, as it does where bins are recoil intervals, is refused.
    """
    nodes, R = response(detector, signal.kinks, {}, np, signal.panels)
    if nodes.shape != T_nr.shape or not np.allclose(nodes, T_nr, rtol=1e-12, atol=0.0):
        raise InputError(
            f"{e.name}: {morph.name} moves the bins in recoil energy; morphs of the response need "
            "a detector with a resolution (or use a shape parameter)"
        )
    return R


def shape_arrays(
    e: Experiment,
    signal: SignalRecipe,
    T_nr: Float[np.ndarray, " node"],
    R: ResponseMatrix,
) -> dict[str, PyTree]:
    """How the signal falls on further axes, and what morphs change."""
    by_source = [e.spread[source] for source in signal.flux.sources] if e.spread else []
    spread = np.stack(by_source) if by_source else None
    moved, spreads = [], []
    for m in e.morphs:
        if m.detectors:
            moved += [_moved_response(e, m, signal, T_nr, d) for d in m.detectors]
        if m.spread and spread is not None:
            sides = (np.stack([side[s] for s in signal.flux.sources]) for side in m.spread)
            spreads += _shift(spread, *sides)
    return {
        "spread": spread,
        "R_morphs": _shifts(R, moved) if moved else None,
        "spread_morphs": np.stack(spreads) if spreads else None,
        "component_morphs": {
            m.name: {c: _shift(e.backgrounds[c], *sides) for c, sides in m.components.items()}
            for m in e.morphs
            if m.components
        },
    }


def _shifts(nominal: ResponseMatrix, moved: list[ResponseMatrix]) -> ResponseMatrix:
    """``_shift`` of responses, of which plus and minus take turns."""
    factors = np.zeros((len(moved), 1 + len(moved)))
    for k in range(0, len(moved), 2):
        factors[k : k + 2, [0, k + 1, k + 2]] = [[0, 0.5, -0.5], [-1, 0.5, 0.5]]
    return combined([nominal, *moved], factors)


def _shift(nominal: Template, plus: Template, minus: Template) -> tuple[Template, Template]:
    """Half the difference of shifted templates, and half their sum less nominal."""
    return (plus - minus) / 2, (plus + minus) / 2 - nominal


@lru_cache(maxsize=64)
def static_signal(
    signal: SignalRecipe,
) -> tuple[Float[np.ndarray, " node"], ResponseMatrix, dict[str, Kernels]]:
    """Nodes [MeV], response [MeV] and kernels [1] of a recipe without shape parameters."""
    nodes, R = signal.nodes({}, np)
    T_nr = np.asarray(nodes)
    return T_nr, R, signal.kernels(T_nr, np)
