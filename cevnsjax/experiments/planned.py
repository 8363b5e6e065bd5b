"""Experiments that have no data yet."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from cevnsjax.core.real_arrays import real_array
from cevnsjax.experiments.experiment import Experiment

PLANNED = " (planned)"
"""End of the title of an experiment without data."""


@dataclass(frozen=True, eq=False)
class PlannedExperiment(Experiment):
    """An experiment without data: ``observed`` holds the expected backgrounds and no signal.

    A model of it predicts counts. To fit it, give it data with ``with_data``, e.g. the prediction.

    Examples:
        >>> from dataclasses import fields
        >>> recipe = {f.name: getattr(csi, f.name) for f in fields(csi)}
        >>> planned = cj.experiments.PlannedExperiment(**recipe)
        >>> prediction = cj.Model(planned).expected()["csi-2017"]
        >>> round(float(planned.with_data(prediction).observed.sum()))
        153
    """

    def with_data(self, observed: ArrayLike) -> Experiment:
        """The experiment with observed counts.

        Args:
            observed: Counts, [cell] [count]; their variance is the counts, or 1 if larger.
        """
        unchanged = {f.name: getattr(self, f.name) for f in fields(Experiment)}
        counts = real_array(f"{self.name}: observed", observed)
        title = self.title.removesuffix(PLANNED)
        return Experiment(
            **unchanged | {"observed": counts, "variance": np.maximum(counts, 1.0), "title": title}
        )
