"""Models that fit the strength of the signal, 1 + alpha_sig, instead of a theory parameter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cevnsjax.analyses.papers import Interactions
from cevnsjax.core.errors import InputError
from cevnsjax.experiments.experiment import SIGNAL, Experiment
from cevnsjax.interactions import StandardModel
from cevnsjax.model import Model
from cevnsjax.nuclei import Target
from cevnsjax.parameters import Parameter


@dataclass(frozen=True)
class SignalShape(StandardModel):
    """The Standard Model as a shape: sin2_theta_w, which only scales it, is fixed unless named."""

    def parameters(self, targets: Sequence[Target]) -> list[Parameter]:
        """Parameters of the Standard Model, all fixed by default."""
        return [replace(p, free=False) for p in super().parameters(targets)]


def with_free_strength(
    experiment: Experiment, sm: StandardModel, interactions: Interactions, *, name: str
) -> Model:
    """A model whose signal pull is a free parameter; its value -1 means no signal.

    The Standard Model is usually a ``SignalShape``; ``name`` is that of the analysis. An InputError
    says that no pull of the experiment multiplies the signal.
    """
    pulls = [p.name for p in experiment.pulls if SIGNAL in p.components]
    if not pulls:
        raise InputError(f"{experiment.name} has no pull on its signal; give pulls={{'sig': inf}}")
    return Model(experiment, [sm, *interactions], free_pulls=pulls, name=name)
