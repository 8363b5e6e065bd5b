"""Convergence diagnostics of arviz, asked for in the words of its version 0.2x or 1.x."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Literal

import numpy as np
from jaxtyping import Float

# Quantiles whose effective numbers of draws "tail" compares; arviz 1 has no default for them.
_TAILS = (0.05, 0.95)


def effective_draws(
    draws: Float[np.ndarray, "chain draw"], method: Literal["bulk", "tail"]
) -> float:
    """Effective number of independent draws (Vehtari et al., Bayesian Anal. 16, 667)."""
    with _quiet() as arviz:
        prob = {"prob": _TAILS} if method == "tail" else {}
        return float(arviz.ess(draws, method=method, **prob))


def r_hat(draws: Float[np.ndarray, "chain draw"]) -> float:
    """Rank-normalised split R-hat (Vehtari et al., Bayesian Anal. 16, 667)."""
    with _quiet() as arviz:
        return float(arviz.rhat(draws))


def densest_intervals(
    draws: Float[np.ndarray, " draw"], level: float
) -> Float[np.ndarray, "interval 2"]:
    """Intervals of highest density that hold ``level`` of the draws, in increasing order."""
    with _quiet() as arviz:
        if takes_inference_data(arviz):
            intervals = arviz.hdi(draws, hdi_prob=level, multimodal=True)
        else:
            intervals = arviz.hdi(draws, prob=level, method="multimodal")
    rows = np.asarray(intervals, dtype=float).reshape(-1, 2)
    return rows[np.isfinite(rows).all(axis=1)]


def quiet_arviz() -> ModuleType:
    """The module arviz, without the warning about its own future that version 0.23 gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            import arviz
        except OSError:
            arviz = _without_cache()
    return arviz


@contextmanager
def _quiet() -> Iterator[ModuleType]:
    # arviz warns about few draws too, which the status of a report tells.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield quiet_arviz()


def takes_inference_data(arviz: ModuleType) -> bool:
    """Whether this arviz works with ``InferenceData``; from version 1 on ``DataTree``."""
    return int(arviz.__version__.split(".")[0]) < 1


def _without_cache() -> ModuleType:
    """The module arviz where its cache, with the day of that warning, cannot be written."""
    from unittest import mock

    import platformdirs

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(platformdirs, "user_cache_dir", return_value=folder),
    ):
        import arviz
    return arviz
