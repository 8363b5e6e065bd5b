"""The commands and their help."""

from typing import Annotated

import typer

from cevnsjax.cli.commands.contours import contours
from cevnsjax.cli.commands.feldman_cousins import feldman_cousins
from cevnsjax.cli.commands.fisher import fisher
from cevnsjax.cli.commands.fit import fit
from cevnsjax.cli.commands.forecast import forecast
from cevnsjax.cli.commands.new_experiment import new_experiment
from cevnsjax.cli.commands.predict import predict
from cevnsjax.cli.commands.profile import profile
from cevnsjax.cli.commands.reproduce import reproduce
from cevnsjax.cli.commands.sample import sample
from cevnsjax.cli.commands.sbc import sbc
from cevnsjax.cli.commands.scan import scan
from cevnsjax.cli.commands.show import show
from cevnsjax.cli.commands.system import data_list, data_verify, info
from cevnsjax.cli.commands.toys import toys
from cevnsjax.cli.options import OnceOnly, with_options

COMMANDS = (
    *(fit, profile, scan, contours, sample, sbc, fisher, forecast, toys, feldman_cousins),
    *(predict, reproduce, show, new_experiment, info),
)
"""The functions behind the commands; those behind ``cevnsjax data`` are apart."""
_ALIASES = {
    "fc": "feldman-cousins",
    "force": "overwrite",
    "marginalize": "marginalise",
    "n": "toys",
    "true": "truth",
}


def _full_name(name: str) -> str:
    """The name that an alias of a command or an option (without its dashes) stands for."""
    return _ALIASES.get(name, name)


app = typer.Typer(
    name="cevnsjax",
    help="Differentiable analysis of coherent elastic neutrino-nucleus scattering.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"token_normalize_func": _full_name},
)
data_app = typer.Typer(no_args_is_help=True, help="List or verify the data that come along.")
for command in COMMANDS:
    app.command(cls=OnceOnly)(with_options(command))
app.add_typer(data_app, name="data")
data_app.command("list", cls=OnceOnly)(with_options(data_list))
data_app.command("verify", cls=OnceOnly)(with_options(data_verify))


def _version(asked: bool | None) -> None:
    if asked:
        from cevnsjax import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = None,
) -> None:
    """Differentiable analysis of coherent elastic neutrino-nucleus scattering."""
    del version
