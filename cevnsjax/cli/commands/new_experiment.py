"""The new-experiment command: a folder that describes an experiment, to start from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cevnsjax.cli.options import AsJson, Overwrite


def new_experiment(
    folder: Annotated[Path, "Folder to write."],
    *,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment of your own to start from; it fits as it is."""
    from cevnsjax.experiments import write_template

    files = [str(path) for path in write_template(folder, overwrite=overwrite)]
    word = str(folder) if folder.is_absolute() else f"./{folder}"
    text = [*(f"wrote {name}" for name in files), f"next: cevnsjax fit {word}"]
    typer.echo(json.dumps({"folder": str(folder), "files": files}) if as_json else "\n".join(text))
