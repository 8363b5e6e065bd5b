"""Pseudo-experiments: the distribution of a test statistic without Wilks' theorem."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import xarray as xr

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import free_names
from cevnsjax.inference.runs.blocks import block_ranges, compute_or_read, run_in
from cevnsjax.inference.toys.data_fit import fit_of_data, with_solved_nuisances
from cevnsjax.inference.toys.draws import Draws
from cevnsjax.inference.toys.fitter import Fits, ToyFitter
from cevnsjax.inference.toys.result import dataset_of
from cevnsjax.likelihood.draws import BLOCK
from cevnsjax.model.model import Model

_MAX_TOYS = 100_000_000


def toys(
    model: Model,
    toys: int = 100_000,
    *,
    truth: Mapping[str, float] | None = None,
    free: str | Iterable[str] | None = None,
    test: str | Iterable[str] | None = None,
    fixed: Mapping[str, float] | None = None,
    auxiliary: bool = True,
    seed: SupportsIndex = 0,
    data: Any = None,
    folder: str | Path | None = None,
    resume: bool = False,
) -> xr.Dataset:
    """Draw pseudo-experiments at true values; fit each with and without the tested parameters.

    The test statistic is q = chi2 with the tested parameters held at their true values, less chi2
    at the global minimum; all nuisances are at their best in both. Each block of 1024
    pseudo-experiments has its own random numbers: the first results do not depend on how many
    follow.

    Args:
        model: The model.
        toys: Number of pseudo-experiments.
        truth: True values. Tested parameters that are left out have their defaults; all other
            fitted parameters and the nuisances are where the conditional fit of the data has them.
        free: Parameters of the global fit; those the table marks free if None.
        test: Those of them that are tested; all free theory parameters if None.
        fixed: Parameters to hold at given values, in truth and fits.
        auxiliary: Draw the auxiliary measurements of constrained nuisances too. Without them q is
            smaller than it should be and intervals cover too little.
        seed: Of the random numbers.
        data: Data to use instead of the model's.
        folder: Keep blocks of fits here, so that processes can share the work; the numbers are the
            same.
        resume: Continue the run in ``folder``.

    Returns:
        Dataset over ``toy``: ``q``, ``chi2`` and ``chi2_conditional``, best values by name,
        ``converged``. Attributes are the ``p_value`` of the data's own q with its binomial
        ``p_value_error``, ``p_value_chi2`` (goodness of fit), everything that was asked for
        (``truth`` and ``fixed`` as JSON), the number of ``failed`` fits, and ``notes`` on these.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: If ``toys`` or ``seed`` is not a whole number, a tested parameter is not free,
            true values are out of bounds, or the folder holds another run.
        RunError: If the folder is in use, or cannot be written any more.

    Examples:
        >>> result = cj.toys(model, 1000, test="sin2_theta_w", truth={"sin2_theta_w": 0.1})
        >>> result.sizes["toy"], result.attrs["failed"]
        (1000, 0)
        >>> bool(result.attrs["p_value"] < 0.05)
        True
    """
    count, seed = whole_number("toys", toys, 1, _MAX_TOYS), whole_number("seed", seed)
    names, tested, fixed_values = requested_parameters(model, free, test, fixed)
    chosen = _true_values(model, truth, names, fixed_values)
    configuration = {
        "command": "toys",
        "toys": count,
        "seed": seed,
        "truth": chosen,
        "free": names,
        "tested": tested,
        "fixed": fixed_values,
        "auxiliary": auxiliary,
        "data": data,
    }
    blocks = -(-count // BLOCK)
    run = run_in(folder, resume, model, configuration, len(block_ranges(blocks)))
    with run or nullcontext():
        fitter = ToyFitter(model, names, tested, fixed_values)
        point = {m: chosen.get(m, model.parameters[m].default) for m in tested}
        data_fit = fit_of_data(fitter, point, data)
        nuisances, is_solved = with_solved_nuisances(fitter, data_fit.conditional, data)
        everything = {**nuisances, **fixed_values, **chosen, **point}
        draws = Draws(model, seed, everything, auxiliary=auxiliary)
        batch_fit = fitter.at(point, draws.asimov)

        def work(block: int) -> Mapping[str, np.ndarray]:
            return batch_fit(draws.block(block))._asdict()

        parts = list(compute_or_read(run, work, blocks, "pseudo-experiments"))
    fits = Fits(**{n: np.concatenate([p[n] for p in parts])[:count] for n in Fits._fields})
    # netCDF has no booleans.
    about = {"seed": seed, "auxiliary": int(auxiliary)}
    return dataset_of(fitter, everything, fits, data_fit, about, is_truth_solved=is_solved)


def requested_parameters(
    model: Model,
    free: str | Iterable[str] | None,
    test: str | Iterable[str] | None,
    fixed: Mapping[str, float] | None,
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """Fitted and tested parameters, and values of those that are held.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: If a tested parameter is not free, or nothing is tested.
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
    names, fixed_values = free_names(model, free, fixed)
    if test is None:
        listed = [n for n in names if table[n].kind == "theory"]
    for name in listed:
        if name not in names:
            raise InputError(f"{name} is tested but not free; add it to free: {[*names, name]}")
    if len(set(listed)) < len(listed):
        raise InputError(f"test names a parameter twice: {listed}")
    if not listed:
        raise InputError("nothing is tested; name a free parameter, e.g. test='sin2_theta_w'")
    return names, tuple(n for n in names if n in listed), fixed_values


def _true_values(
    model: Model,
    truth: Mapping[str, float] | None,
    names: tuple[str, ...],
    fixed: Mapping[str, float],
) -> dict[str, float]:
    """True values that were asked for, checked against what the fits hold."""
    values = {}
    for name, value in (truth or {}).items():
        p = model.parameters[name]
        values[name] = number = p.check(value)
        if name not in names and p.kind == "theory" and fixed.get(name, p.default) != number:
            raise InputError(
                f"true {name}={value:g} is not what the fits hold; free it, or hold it there with "
                f"fixed={{{name!r}: {value:g}}}"
            )
        if fixed.get(name, number) != number:
            raise InputError(f"true {name}={value:g} differs from its fixed value {fixed[name]:g}")
    return values
