"""The sample command: draws from a posterior, then a report, JSON, netCDF and figures."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import typer

from cevnsjax.cli.commands.sample_figures import (
    FIGURES,
    LEAST_DRAWS,
    posterior_figure,
    require_drawable,
    title_of,
)
from cevnsjax.cli.commands.system import prepare
from cevnsjax.cli.request import Request, build, split
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.files import write_atomically
from cevnsjax.parameters import Normal, Prior, Uniform

_KINDS = {"normal": Normal, "uniform": Uniform}
_IN_WORDS = {
    "target_accept (0.95)": "--target-accept 0.95",
    "marginalize_linear=True": "--marginalize",
    "sample it with marginalize_linear=False": "leave --marginalize out",
    'method="smc"': "--method smc",
    "chains=4": "--chains 4",
}


@dataclass(frozen=True)
class Sampling:
    """How to sample, as the command line says it.

    Attributes:
        priors: Instead of the model's own, by parameter.
        chains: Number of chains.
        draws: Draws of each chain.
        warmup: Steps before them.
        seed: Of the random numbers.
        target_accept: Acceptance probability that step sizes are adapted to.
        marginalize: Whether linear pulls are integrated out.
        strict: Whether chains that did not converge end with exit status 1.
        method: Sampler; the library's own choice if None.
    """

    priors: dict[str, Prior]
    chains: int = 4
    draws: int = 1000
    warmup: int = 500
    seed: int = 0
    target_accept: float = 0.8
    marginalize: bool = False
    strict: bool = False
    method: str | None = None


def priors_of(words: Iterable[str]) -> dict[str, Prior]:
    """Priors by parameter from name=normal:mean,sd and name=uniform:low,high.

    Raises:
        UnknownNameError: At another kind of prior.
        InputError: At a word of another form, or a parameter named twice.
    """
    priors: dict[str, Prior] = {}
    for word in words:
        name, text = split(word, "--prior")
        kind, _, numbers = text.partition(":")
        if kind not in _KINDS:
            raise UnknownNameError("prior", kind, _KINDS, "(as in name=normal:mean,sd)")
        try:
            first, second = (float(x) for x in numbers.split(","))
        except ValueError:
            raise InputError(
                f"--prior {word!r} should read {name}=normal:mean,sd or {name}=uniform:low,high"
            ) from None
        if name in priors:
            raise InputError(f"--prior {name} is given twice; keep one")
        if not (math.isfinite(first) and math.isfinite(second)):
            raise InputError(f"--prior {word!r} needs finite numbers")
        priors[name] = _KINDS[kind](first, second)
    return priors


def sample(request: Request, sampling: Sampling, figure: str, sink: Sink, kept: RunOptions) -> None:
    """Sample, print, write netCDF or JSON, draw.

    Chains that did not converge give a warning, and exit status 1 if that is asked for.
    """
    if figure not in FIGURES:
        raise UnknownNameError("figure", figure, FIGURES)
    if sink.plot is not None and sampling.draws < LEAST_DRAWS:
        raise InputError(f"a figure needs {LEAST_DRAWS} draws at least, got {sampling.draws}")
    prepare()
    kept.begin()
    from cevnsjax.inference.posteriors.report import report
    from cevnsjax.inference.posteriors.sample import sample as run

    model = build(request)
    _require_proper(model, request, sampling)
    if sink.plot is not None:
        require_drawable(model, request, figure)
    try:
        result = run(
            model,
            request.free,
            fixed=request.fixed,
            priors=sampling.priors,
            chains=sampling.chains,
            draws=sampling.draws,
            warmup=sampling.warmup,
            seed=sampling.seed,
            marginalize_linear=sampling.marginalize,
            target_accept=sampling.target_accept,
            **({"method": sampling.method} if sampling.method else {}),
            **kept.options,
        )
    except InputError as problem:
        raise InputError(_spelled(str(problem))) from None
    if not kept.is_first:
        return
    found = report(result)
    to_file = sink.output is not None and sink.output.suffix.lower() == ".nc"
    if sink.output is not None and to_file:
        write_atomically(sink.output, lambda p: result.to_netcdf(str(p), engine="h5netcdf"))
    priors = _priors(model, result, sampling)
    sink.deliver(
        _plain(model, request, sampling, found, priors),
        _text(model, found, priors),
        written=to_file,
    )
    if not found.converged:
        sink.say(f"warning: {_spelled(found.status)}")
    if sink.plot is not None:
        sink.draw(posterior_figure(model, result, found, priors, figure))
    if sampling.strict and not found.converged:
        raise typer.Exit(1)


def _require_proper(model: Any, request: Request, sampling: Sampling) -> None:
    """The library says this too, in Python."""
    from cevnsjax.inference.objective import free_names

    for name in free_names(model, request.free, request.fixed)[0]:
        parameter = model.parameters[name]
        bounded = all(math.isfinite(end) for end in parameter.bounds)
        if parameter.prior is None and not bounded and name not in sampling.priors:
            low, high = parameter.bounds
            raise InputError(
                f"{name} has no prior and no finite bounds [{low:g}, {high:g}]: a flat prior would "
                f"be improper; give --prior {name}=normal:mean,sd or uniform:low,high"
            )


def _priors(model: Any, result: Any, sampling: Sampling) -> dict[str, Any]:
    """Prior densities of all parameters of the posterior."""
    from cevnsjax.inference.posteriors.priors import densities

    names = [str(n) for n in result["posterior"].data_vars]
    return {p.name: p for p in densities(model, names, sampling.priors)}


def _prior_in_words(prior: Any) -> str:
    if prior.normal is None:
        return f"flat within [{prior.low:g}, {prior.high:g}]"
    cut = [f"above {prior.low:g}"] if math.isfinite(prior.low) else []
    cut += [f"below {prior.high:g}"] if math.isfinite(prior.high) else []
    return f"Gaussian {prior.normal.mean:.4g} ± {prior.normal.sd:.4g} {' and '.join(cut)}".rstrip()


def _text(model: Any, found: Any, priors: dict[str, Any]) -> str:
    from cevnsjax.inference.rounding import rounded

    words = "; ".join(f"{name} {_prior_in_words(p)}" for name, p in priors.items())
    last = [f"{found.divergences} of {found.draws} draws diverged", f"priors: {words}"]
    if found.evidence is not None:
        last[0] = "log evidence {} ± {}".format(*rounded(*found.evidence))
    state = "converged" if found.converged else "not converged"
    return "\n".join([f"{title_of(model)}: {state}", *found.lines(), *last, *found.notes])


def _spelled(status: str) -> str:
    """Advice in the words of the command line."""
    for python, word in _IN_WORDS.items():
        status = status.replace(python, word)
    return status


def _plain(
    model: Any, request: Request, sampling: Sampling, found: Any, priors: dict[str, Any]
) -> dict[str, Any]:
    """The report as plain data for JSON, None for what is unknown."""
    rows = {
        name: {
            "mean": _number(row.mean),
            "sd": _number(row.sd),
            "intervals": {"0.6827": list(row.interval68), "0.9545": list(row.interval95)},
            "r_hat": _number(row.r_hat),
            "ess_bulk": _number(row.ess_bulk),
            "ess_tail": _number(row.ess_tail),
            "unit": row.unit,
            "prior": _prior_in_words(priors[name]),
        }
        for name, row in found.rows.items()
    }
    evidence = {} if found.evidence is None else {"log_evidence": list(found.evidence)}
    return {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "parameters": rows,
        "fixed": request.fixed,
        "chains": sampling.chains,
        "draws": sampling.draws,
        "warmup": sampling.warmup,
        "seed": sampling.seed,
        "divergences": found.divergences,
        "notes": list(found.notes),
        **evidence,
        "status": _spelled(found.status),
    }


def _number(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
