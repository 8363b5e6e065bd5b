"""How a posterior is sampled, as the commands sample and sbc take it."""

from dataclasses import dataclass
from typing import Annotated, Any

from cevnsjax.cli.options import Seed, Words
from cevnsjax.cli.words import priors_of
from cevnsjax.parameters import Prior


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Parameters to sample, their priors, and options of the sampler."""

    free: Annotated[Words, "Parameter to sample; repeatable."] = ()
    prior: Annotated[Words, "name=normal:mean,sd or name=uniform:low,high; repeatable."] = ()
    method: Annotated[str, "nuts, or smc for separated modes."] = "nuts"
    warmup: Annotated[int, "Steps that tune the sampler and are discarded, per chain."] = 500
    seed: Seed = 0
    marginalise: Annotated[bool, "Integrate linear pulls out in closed form."] = False
    target_accept: Annotated[float, "Acceptance probability of steps; nearer 1 diverges less."] = (
        0.8
    )

    @property
    def priors(self) -> dict[str, Prior]:
        """Priors that replace the model's own, by parameter."""
        return priors_of(self.prior)

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments that ``cj.sample`` and ``cj.sbc`` have in common."""
        return {
            "method": self.method,
            "priors": self.priors,
            "warmup": self.warmup,
            "seed": self.seed,
            "marginalise_linear": self.marginalise,
            "target_accept": self.target_accept,
        }
