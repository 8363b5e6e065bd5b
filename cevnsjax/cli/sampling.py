"""How a posterior is sampled, as the commands sample and sbc take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypedDict

import typer

from cevnsjax.cli.options import Seed, Words
from cevnsjax.cli.words import priors_of
from cevnsjax.parameters import Prior


class SamplingKeywords(TypedDict):
    """Keywords that the library's ``sample`` and ``sbc`` share."""

    method: str
    priors: Mapping[str, Prior]
    warmup: int
    seed: int
    marginalise_linear: bool
    target_accept: float


@dataclass(frozen=True)
class Sampling:
    """Parameters to sample, their priors, and options of the sampler.

    Attributes:
        free: Parameters to sample.
        prior: Words "name=normal:mean,sd" or "name=uniform:low,high".
        method: Sampler.
        warmup: Warm-up steps of each chain.
        seed: Seed of the random numbers.
        marginalise: Whether linear pulls are integrated out.
        target_accept: Acceptance probability that step sizes are adapted to.
    """

    free: Annotated[Words, typer.Option("--free", help="Parameter to sample; repeatable.")] = ()
    prior: Annotated[
        Words,
        typer.Option("--prior", help="name=normal:mean,sd or name=uniform:low,high; repeatable."),
    ] = ()
    method: Annotated[str, typer.Option("--method", help="nuts, or smc for separated modes.")] = (
        "nuts"
    )
    warmup: Annotated[
        int,
        typer.Option("--warmup", help="Steps that tune the sampler and are discarded, per chain."),
    ] = 500
    seed: Seed = 0
    marginalise: Annotated[
        bool, typer.Option("--marginalise", help="Integrate linear pulls out in closed form.")
    ] = False
    target_accept: Annotated[
        float,
        typer.Option(
            "--target-accept", help="Acceptance probability of steps; nearer 1 diverges less."
        ),
    ] = 0.8

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors that replace the model's own, by parameter.

        Raises:
            InputError: At a word of another form, or a parameter named twice.
        """
        return priors_of(self.prior)

    @property
    def keywords(self) -> SamplingKeywords:
        """Keywords of the library's functions."""
        return {
            "method": self.method,
            "priors": self.priors,
            "warmup": self.warmup,
            "seed": self.seed,
            "marginalise_linear": self.marginalise,
            "target_accept": self.target_accept,
        }
