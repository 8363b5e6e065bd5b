"""The sbc command: whether posteriors of a model are calibrated."""

from typing import Any

import typer

from cevnsjax.cli.commands.sample import Sampling
from cevnsjax.cli.commands.system import prepare
from cevnsjax.cli.request import Request, build
from cevnsjax.cli.sink import Sink


def sbc(request: Request, sampling: Sampling, simulations: int, thin: int, sink: Sink) -> None:
    """Simulate, rank, print, draw; exit status 1 if ranks are not uniform and it is asked for."""
    prepare()
    from cevnsjax.inference.posteriors.calibration import sbc as run

    model = build(request)
    found = run(
        model,
        request.free,
        simulations=simulations,
        draws=sampling.draws,
        thin=thin,
        method=sampling.method or "nuts",
        fixed=request.fixed,
        priors=sampling.priors,
        warmup=sampling.warmup,
        seed=sampling.seed,
        marginalize_linear=sampling.marginalize,
        target_accept=sampling.target_accept,
    )
    head = f"{simulations} simulations of {model.title}"
    sink.deliver(found.to_dict(), "\n".join([f"{head}: {found.status}", *found.lines()]))
    if sink.plot is not None:
        sink.draw(_figure(model, found))
    if sampling.strict and not found.calibrated:
        raise typer.Exit(1)


def _figure(model: Any, found: Any) -> Any:
    from cevnsjax.plots import ranks

    named = {model.parameters[n].label: x for n, x in found.ranks.items()}
    title = f"{model.title}, {found.method}"
    return ranks(named, found.draws, title=title)
