"""The show command: what an experiment is."""

import json
from typing import Annotated, Any

import typer

from cevnsjax.cli.experiment_words import builder_of, option_defaults
from cevnsjax.cli.options import AsJson


def show(
    experiment: Annotated[str, "Experiment, e.g. csi-2017 or ./my_folder."],
    *,
    as_json: AsJson = False,
) -> None:
    """What an experiment is: source, target, bins, nuisances, accuracy, options."""
    from cevnsjax.core.text import columns
    from cevnsjax.experiments.description import description, text_of
    from cevnsjax.inference.records import plain

    build = builder_of(experiment)
    described = description(build())
    options = {name: plain(default) for name, default in option_defaults(build).items()}
    if as_json:
        typer.echo(json.dumps({**described, "options": options}))
        return
    text = text_of(described)
    if options:
        rows = [(name, _word(default)) for name, default in options.items()]
        text = "\n".join([text, "", *columns([("option", "default"), *rows])])
    typer.echo(text)


def _word(default: Any) -> str:
    """A default as one writes it behind ``--set``; a dash where the builder chooses."""
    if default is None or default == []:
        return "-"
    return ",".join(map(str, default)) if isinstance(default, list) else str(default)
