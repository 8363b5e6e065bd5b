"""Pseudo-experiments: the distribution of a test statistic without Wilks' theorem."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.runs.blocks import block_ranges, compute_or_read, run_in
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.toys.data_fit import of_data, truth_of
from cevnsjax.inference.toys.draws import Draws
from cevnsjax.inference.toys.fitter import Fits, ToyFitter
from cevnsjax.inference.toys.result import dataset_of
from cevnsjax.likelihood.draws import BLOCK

_MOST = 100_000_000


def toys(
    model: Objective,
    toys: int = 100_000,
    *,
    truth: Mapping[str, float] | None = None,
    free: str | Iterable[str] | None = None,
    test: str | Iterable[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    auxiliary: bool = True,
    seed: int = 0,
    data: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
) -> xr.Dataset:
    """Throw pseudo-experiments at true values and fit each with and without the tested parameters.

    The test statistic is q = chi2 with the tested parameters held at their true values, less chi2
    at the global minimum; all nuisances are at their best in both. Each block of 1024
    pseudo-experiments has random numbers of its own: results do not depend on how many there are.

    Args:
        model: The model.
        toys: Number of pseudo-experiments.
        truth: True values. Tested parameters that are left out have their defaults; what else is
            fitted, nuisances included, is where the conditional fit of the data has it.
        free: Parameters of the global fit; those the table marks free if None.
        test: Those of them that are tested; all free ones that are no nuisances if None.
        fixed: Parameters to hold at given values, in truth and fits.
        auxiliary: Throw the auxiliary measurements of constrained nuisances too. Without, q is
            smaller than it should be and intervals cover too little.
        seed: Of the random numbers.
        data: Data to use instead of the model's.
        folder: Keep blocks of fits here, so that the run can be interrupted and shared out among
            processes; the numbers are the same.
        resume: Go on with the run in ``folder``.

    Returns:
        Dataset over ``toy``: ``q``, ``chi2`` and ``chi2_conditional``, best values by name,
        ``converged``. Attributes carry ``p_value`` of the data's own q with its binomial
        ``p_value_error``, ``p_value_chi2`` (goodness of fit), and all that was asked for.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a number or seed that is none, a tested parameter that is not free, or true
            values out of bounds; a folder that holds another run.
        RunError: If the folder is in use, or cannot be written any more.
    """
    toys, seed = whole_number("toys", toys, 1, _MOST), whole_number("seed", seed)
    names, tested, held = asked(model, free, test, fixed)
    true = _true_values(model, truth, names, held)
    asked_for = {
        "command": "toys",
        "toys": toys,
        "seed": seed,
        "truth": true,
        "free": names,
        "tested": tested,
        "fixed": held,
        "auxiliary": auxiliary,
        "data": data,
    }
    count = -(-toys // BLOCK)
    run = run_in(folder, resume, model, asked_for, len(block_ranges(count)))
    with run or nullcontext():
        engine = ToyFitter(model, names, tested, held)
        point = {m: true.get(m, model.parameters[m].default) for m in tested}
        found = of_data(model, engine, point, data)
        everything = {**truth_of(model, names, held, found.conditional, data), **held, **true}
        everything |= point
        fits = _fits(ToyFits(model, engine, seed, auxiliary).at(everything, point), toys, run)
    about = {"seed": seed, "auxiliary": auxiliary, "engine": engine.name}
    return dataset_of(model, names, tested, everything, held, fits, found, about)


def _fits(fit: Any, n: int, run: Run | None) -> Fits:
    """Fits of all pseudo-experiments, [toy]; those a run has already are read."""
    count, label = -(-n // BLOCK), "pseudo-experiments"
    parts = list(compute_or_read(run, lambda block: fit(block)._asdict(), count, label))
    return Fits(**{name: np.concatenate([p[name] for p in parts])[:n] for name in Fits._fields})


def asked(
    model: Objective,
    free: str | Iterable[str] | None,
    test: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """Fitted and tested parameters, and values of those that are held.

    Args:
        model: The model.
        free: Parameters of the global fit.
        test: Those that are tested.
        fixed: Parameters to hold.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a tested parameter that is not free, or if there is none.
    """
    listed = [test] if isinstance(test, str) else list(test or ())
    table = model.parameters
    for name in listed:
        if table[name].linear:
            raise InputError(f"{name} is a linear nuisance, solved in every fit; it has no test")
        if name in (fixed or {}):
            raise InputError(f"{name} is both tested and fixed; drop one of the two")
    if free is None and listed:
        free = listed
    names, held = free_names(model, free, fixed)
    if test is None:
        listed = [n for n in names if table[n].kind == "theory"]
    for name in listed:
        if name not in names:
            raise InputError(f"{name} is tested but not free; add it to free: {[*names, name]}")
    if len(set(listed)) < len(listed):
        raise InputError(f"test names a parameter twice: {listed}")
    if not listed:
        raise InputError("nothing is tested; name a free parameter, e.g. test='sin2_theta_w'")
    return names, tuple(n for n in names if n in listed), held


def _true_values(
    model: Objective,
    truth: Mapping[str, float] | None,
    names: tuple[str, ...],
    held: dict[str, float],
) -> dict[str, float]:
    table, out = model.parameters, {}
    for name, value in (truth or {}).items():
        p = table[name]
        out[name] = p.check(value)
        if name not in names and p.kind == "theory" and held.get(name, p.default) != out[name]:
            raise InputError(
                f"true {name}={value:g} is not what the fits hold; free it, or hold it there with "
                f"fixed={{{name!r}: {value:g}}}"
            )
        if name in held and held[name] != out[name]:
            raise InputError(f"true {name}={value:g} differs from its fixed value {held[name]:g}")
    return out


class ToyFits:
    """Pseudo-experiments of a model and their fits, at any truth."""

    def __init__(
        self,
        model: Objective,
        engine: ToyFitter,
        seed: int,
        auxiliary: bool,
        thrown: tuple[str, ...] = (),
    ) -> None:
        """Prepare.

        Args:
            model: The model.
            engine: What fits.
            seed: Of the random numbers.
            auxiliary: Throw auxiliary measurements.
            thrown: Nuisances whose true values are drawn from their priors.
        """
        self._model: Any = model
        self._engine, self._seed = engine, seed
        self._auxiliary, self._thrown = auxiliary, thrown

    def at(self, truth: dict[str, float], point: dict[str, float]) -> Any:
        """Function from a block's number to its fits.

        Args:
            truth: True parameters, nuisances included.
            point: Of the tested parameters among them.
        """
        draws = Draws(
            self._model, self._seed, truth, auxiliary=self._auxiliary, thrown=self._thrown
        )
        fitter = self._engine.fitter(point, draws.asimov)
        return lambda block: fitter(draws.block(block))
