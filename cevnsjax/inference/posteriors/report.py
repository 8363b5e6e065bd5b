"""What a sampled posterior says, and whether it can be believed."""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from cevnsjax.inference.posteriors.notes import notes_of
from cevnsjax.inference.rounding import rounded

# Rank-normalised R-hat and effective draws: Vehtari et al., Bayesian Analysis 16 (2021) 667.
_R_HAT, _ESS_PER_CHAIN = 1.01, 100
_QUANTILES = (0.02275, 0.15865, 0.5, 0.84135, 0.97725)
# A stray divergence in thousands of draws is no sign of a region that is missed.
_DIVERGED = 1e-3
# Energy transitions below it: Betancourt, arXiv:1604.00695.
_BFMI = 0.3
# Populations whose evidences differ more have missed something.
_EVIDENCE_SD = 0.5


@dataclass(frozen=True)
class Row:
    """One parameter of a report.

    Attributes:
        mean: In the parameter's unit.
        sd: In the parameter's unit.
        interval68: Central interval in the parameter's unit.
        interval95: Central interval in the parameter's unit.
        r_hat: Spread between chains over that within, rank-normalised; NaN from one chain.
        ess_bulk: Effective draws for the mean.
        ess_tail: Effective draws for 5 % and 95 % quantiles.
        unit: The parameter's unit.
    """

    mean: float
    sd: float
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    r_hat: float
    ess_bulk: float
    ess_tail: float
    unit: str = ""


@dataclass(frozen=True)
class Report:
    """Summary of a sampled posterior.

    Attributes:
        rows: By parameter.
        divergences: Number of divergent transitions.
        draws: Draws of all chains.
        status: "converged", or what is wrong and what to do.
        evidence: Logarithm of the evidence and its error, from tempered populations.
        notes: Where mean and sd mislead: several modes, ends of priors.
    """

    rows: dict[str, Row]
    divergences: int
    draws: int
    status: str
    evidence: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the draws can be used."""
        return self.status == "converged"

    def lines(self) -> list[str]:
        """A table as lines of text."""
        head = ("parameter", "mean", "sd", "68 %", "95 %", "R-hat", "ESS bulk", "ESS tail")
        return aligned([head, *(_cells(name, row) for name, row in self.rows.items())])

    def __repr__(self) -> str:
        last = f"{self.divergences} of {self.draws} draws diverged"
        if self.evidence is not None:
            last = "log evidence {} ± {}".format(*rounded(*self.evidence))
        return "\n  ".join([f"Posterior: {self.status}", *self.lines(), last, *self.notes])


def aligned(cells: list[tuple[str, ...]]) -> list[str]:
    """Rows of texts as lines with the columns below each other."""
    widths = [max(len(c[k]) for c in cells) for k in range(len(cells[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]


def _cells(name: str, row: Row) -> tuple[str, ...]:
    mean, sd = rounded(row.mean, row.sd)
    spans = (
        f"[{rounded(a, row.sd)[0]}, {rounded(b, row.sd)[0]}]"
        for a, b in (row.interval68, row.interval95)
    )
    shown = f"{name} [{row.unit}]" if row.unit else name
    return (
        shown,
        mean,
        sd,
        *spans,
        f"{row.r_hat:.3f}",
        f"{row.ess_bulk:.0f}",
        f"{row.ess_tail:.0f}",
    )


def report(result: Any) -> Report:
    """Check a sampled posterior and sum it up.

    Args:
        result: What ``sample`` gave, or any arviz result with groups ``posterior`` and
            ``sample_stats``.

    Returns:
        Mean, sd, central intervals, R-hat and effective draws by parameter, and a status in words.
    """
    posterior, stats = result["posterior"], result["sample_stats"]
    tempered = posterior.attrs.get("method") == "smc"
    rows = {}
    for name, variable in posterior.data_vars.items():
        draws = variable.values.reshape(*variable.shape[:2], -1)
        for k in range(draws.shape[2]):
            shown = str(name) if draws.shape[2] == 1 else f"{name}[{k}]"
            rows[shown] = _row(draws[:, :, k], variable.attrs.get("units", ""), tempered)
    chains, length = posterior.sizes["chain"], posterior.sizes["draw"]
    notes = notes_of(posterior)
    if tempered:
        sd = float(stats.attrs["log_evidence_sd"])
        evidence = float(stats.attrs["log_evidence"]), sd / math.sqrt(chains)
        status = _tempered_status(rows, chains, sd)
        return Report(rows, 0, chains * length, status, evidence, notes)
    diverging = stats["diverging"].values if "diverging" in stats else np.zeros(1, dtype=bool)
    deepest = stats["reached_max_treedepth"].values if "reached_max_treedepth" in stats else False
    energy = stats["energy"].values if "energy" in stats else None
    found = int(np.sum(diverging))
    status = _status(rows, found, chains, length, float(np.mean(deepest)), energy)
    return Report(rows, found, chains * length, status, notes=notes)


def _row(draws: np.ndarray, unit: str, tempered: bool) -> Row:
    """One parameter from [chain, draw]."""
    with warnings.catch_warnings():
        # arviz announces its own future, and warns of few draws, which the status tells.
        warnings.simplefilter("ignore")
        import arviz

        several = draws.shape[0] > 1 and draws.shape[1] >= 4
        r_hat = float(arviz.rhat(draws)) if several else float("nan")
        enough = draws.shape[1] >= 4
        bulk, tail = (
            float(arviz.ess(draws, method=m)) if enough else float("nan") for m in ("bulk", "tail")
        )
    if tempered:
        bulk, tail = _between(draws)
    q = np.quantile(draws, _QUANTILES).tolist()
    sd = float(np.std(draws, ddof=1)) if draws.size > 1 else float("nan")
    return Row(float(np.mean(draws)), sd, (q[1], q[3]), (q[0], q[4]), r_hat, bulk, tail, unit)


def _between(draws: np.ndarray) -> tuple[float, float]:
    """Effective draws for mean and tails from the spread between populations [run, particle].

    Particles of one population have common ancestors, which no order of theirs tells.
    """
    runs, count = draws.shape[0], draws.size
    if runs < 2:
        return math.nan, math.nan

    def effective(marks: np.ndarray) -> float:
        spread = np.var(marks.mean(axis=1), ddof=1) / runs
        return count if count * spread <= np.var(marks) else float(np.var(marks) / spread)

    tails = np.quantile(draws, (0.05, 0.95))
    return effective(draws), min(effective((draws < q).astype(float)) for q in tails)


def _tempered_status(rows: dict[str, Row], runs: int, evidence_sd: float) -> str:
    if runs < 2:
        return "one population cannot be checked: run four, chains=4 (--chains 4)"
    least = _ESS_PER_CHAIN * runs
    apart = [n for n, r in rows.items() if r.r_hat > _R_HAT or min(r.ess_bulk, r.ess_tail) < least]
    wrong = []
    if apart:
        wrong.append(f"populations disagree on {', '.join(apart)}: raise draws")
    if evidence_sd > _EVIDENCE_SD:
        wrong.append(f"populations disagree on the log evidence by {evidence_sd:.1f}: raise draws")
    return "; ".join(wrong) or "converged"


def _status(
    rows: dict[str, Row],
    diverged: int,
    chains: int,
    length: int,
    deepest: float,
    energy: np.ndarray | None,
) -> str:
    wrong = []
    if chains < 2 or length < 4:
        wrong.append("one chain, or too few draws, cannot be checked: run four chains")
    apart = [n for n, r in rows.items() if r.r_hat > _R_HAT]
    if apart:
        wrong.append(
            f"chains disagree on {', '.join(apart)} (R-hat up to "
            f"{max(rows[n].r_hat for n in apart):.2f}): raise warmup and draws; if it stays, the "
            'posterior has several modes or flat directions: sample with method="smc" '
            "(--method smc), use grid_posterior, or narrow priors"
        )
    least = _ESS_PER_CHAIN * chains
    few = [n for n, r in rows.items() if not min(r.ess_bulk, r.ess_tail) >= least]
    if few and not apart:
        wrong.append(f"fewer than {least} effective draws of {', '.join(few)}: raise draws")
    if diverged > _DIVERGED * chains * length:
        wrong.append(
            f"{diverged} divergent transitions: parts of the posterior may be missed; raise "
            "target_accept=0.95 (--target-accept 0.95), or integrate linear pulls out by "
            "marginalize_linear=True (--marginalise)"
        )
    if deepest > 0.01:
        wrong.append(f"{deepest:.0%} of the steps end at the largest tree: raise warmup")
    if energy is not None and length > 1 and not diverged:
        moved = np.sum(np.diff(energy, axis=1) ** 2, axis=1)
        spread = np.sum((energy - energy.mean(axis=1, keepdims=True)) ** 2, axis=1)
        if np.any(moved < _BFMI * spread):
            wrong.append("energies mix slowly (heavy tails): raise warmup and draws")
    return "; ".join(wrong) or "converged"
