"""Minimisations that can be interrupted: every expansion of the model is kept, and given again.

Where points learn from each other there are no blocks of work. What takes time are expansions of
the model at many points; run again, the same search asks for the same ones in the same order.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError, RunError
from cevnsjax.core.types import Values
from cevnsjax.inference.objective import Expanded, Objective, expansion
from cevnsjax.inference.runs.blocks import run_in
from cevnsjax.inference.runs.fingerprint import digest, to_plain
from cevnsjax.inference.runs.run import Run
from cevnsjax.parameters import ParameterTable

_FIELDS = ("value", "gradient", "hessian", "full")


class Journal:
    """An objective whose expansions are read from a run, or made and kept there."""

    def __init__(self, model: Objective, run: Run) -> None:
        """Prepare.

        Args:
            model: The model.
            run: Open run of one process, without a number of blocks.
        """
        self._objective, self._run, self._next = model, run, 0

    @property
    def name(self) -> str:
        """Name of the analysis."""
        return self._objective.name

    @property
    def experiments(self) -> Mapping[str, Any]:
        """Experiments by name."""
        return self._objective.experiments

    @property
    def parameters(self) -> ParameterTable:
        """Table of parameters."""
        return self._objective.parameters

    @property
    def observed(self) -> tuple[Any, ...]:
        """Observed counts by experiment."""
        return self._objective.observed

    def value_and_grad(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Value and gradient, not kept."""
        return self._objective.value_and_grad(values, names=names, profiled=profiled, data=data)

    def hessian(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> np.ndarray:
        """Hessian, not kept."""
        return self._objective.hessian(values, names=names, profiled=profiled, data=data)

    def map(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        kind: str = "profiled_nll",
        data: Any = None,
    ) -> Any:
        """The nll at many points, not kept."""
        return self._objective.map(values, points, kind=kind, data=data)

    @property
    def best_pulls(self) -> Any:
        """Function of (values, data) that gives the solved linear nuisances."""
        return self._objective.best_pulls

    def expand(self, values: Values, points: Mapping[str, Any], *, data: Any = None) -> Expanded:
        """Second-order expansions at many points, kept."""
        asked = digest(
            {"values": to_plain(values), "points": to_plain(points), "order": list(points)}
        )
        block, self._next = self._next, self._next + 1
        if self._run.has(block):
            return _expanded(self._run.read(block), asked, block)
        columns = [np.asarray(x, dtype=float) for x in points.values()]
        made = expansion(self._objective, values, tuple(points), np.stack(columns, axis=1), data)
        kept = {n: np.asarray(getattr(made, n)) for n in _FIELDS}
        pulls = {f"pull {n}": np.asarray(x) for n, x in made.pulls.items()}
        self._run.write(block, {"asked": np.array(asked), **kept, **pulls})
        return Expanded(**kept, pulls={n.removeprefix("pull "): x for n, x in pulls.items()})


def _expanded(found: dict[str, np.ndarray], asked: str, block: int) -> Expanded:
    if found.pop("asked").item() != asked:
        raise RunError(
            f"block {block} of the run holds other points than are asked for now; take the machine "
            "that began it, or another folder"
        )
    kept = {n: found.pop(n) for n in _FIELDS}
    return Expanded(**kept, pulls={n.removeprefix("pull "): x for n, x in found.items()})


def journal_in(
    folder: str | Path | None, resume: bool, model: Objective, asked: Mapping[str, Any]
) -> Run | None:
    """The run of a search in a folder, not yet open; None without a folder.

    Args:
        folder: The folder.
        resume: Go on with what it holds.
        model: The model.
        asked: What else decides the numbers.

    Raises:
        InputError: In one of several processes.
    """
    run = run_in(folder, resume, model, asked, None)
    if run is not None and run.count > 1:
        raise InputError(
            f"points of a profiled grid learn from each other: one process does it, not {run.count}"
        )
    return run
