"""Summary of a sampled posterior, and whether it can be trusted."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.posteriors.diagnostics import (
    effective_draws,
    effective_tail_draws,
    r_hat,
)
from cevnsjax.inference.posteriors.notes import notes_of
from cevnsjax.inference.records import Record
from cevnsjax.inference.rounding import rounded

# Rank-normalised R-hat and effective draws: Vehtari et al., Bayesian Analysis 16 (2021) 667.
_MAX_R_HAT, _MIN_ESS_PER_CHAIN = 1.01, 100
_QUANTILES = (0.02275, 0.15865, 0.5, 0.84135, 0.97725)
# Fewer divergences do not show that a region is missed.
_MAX_DIVERGENT_PART = 1e-3
# Fraction of missing information in the energy (Betancourt, arXiv:1604.00695).
_MIN_BFMI = 0.3
# Populations whose log evidences differ more have missed a part of the posterior.
_MAX_EVIDENCE_SD = 0.5
_MAX_DEEPEST_PART = 0.01


@dataclass(frozen=True)
class Row(Record):
    """One parameter of a report.

    Attributes:
        mean: In the parameter's unit, like ``sd``.
        interval68: Central interval of 68.27 % in the parameter's unit.
        interval95: Central interval of 95.45 %.
        r_hat: Rank-normalised spread between chains over that within; NaN for a single chain.
        ess_bulk: Number of effective draws for the mean.
        ess_tail: Number of effective draws for the 5 % and 95 % quantiles.
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
class Report(Record):
    """Summary of a sampled posterior.

    Attributes:
        rows: Summary of each parameter.
        divergences: Number of divergent transitions.
        draws: Number of draws in all chains.
        status: "converged", or what is wrong and what to do.
        evidence: Logarithm of the evidence and its error; None from NUTS.
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
        """Whether the status is "converged"."""
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
    """Rows of texts as lines of aligned columns."""
    widths = [max(len(c[k]) for c in cells) for k in range(len(cells[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]


def _cells(name: str, row: Row) -> tuple[str, ...]:
    mean, sd = rounded(row.mean, row.sd)
    intervals = (
        f"[{rounded(a, row.sd)[0]}, {rounded(b, row.sd)[0]}]"
        for a, b in (row.interval68, row.interval95)
    )
    head = f"{name} [{row.unit}]" if row.unit else name
    checks = f"{row.r_hat:.3f}", f"{row.ess_bulk:.0f}", f"{row.ess_tail:.0f}"
    return head, mean, sd, *intervals, *checks


def report(result: Any) -> Report:
    """Check a sampled posterior and summarise it.

    Args:
        result: Result of ``sample``, or any arviz result with groups ``posterior`` and
            ``sample_stats``.

    Returns:
        Mean, sd, central intervals, R-hat and effective draws by parameter, and a status in words.

    Examples:
        >>> import xarray
        >>> draws = ("chain", "draw"), np.random.default_rng(1).normal(0.24, 0.02, (4, 1000))
        >>> stats = {"diverging": (("chain", "draw"), np.zeros((4, 1000), dtype=bool))}
        >>> groups = {"posterior": {"angle": draws}, "sample_stats": stats}
        >>> result = {name: xarray.Dataset(group) for name, group in groups.items()}
        >>> summary = cj.report(xarray.DataTree.from_dict(result))
        >>> summary
        Posterior: converged
          parameter  mean   sd     68 %            95 %            R-hat  ESS bulk  ESS tail
          angle      0.240  0.020  [0.220, 0.259]  [0.200, 0.280]  1.002  4039      3404
          0 of 4000 draws diverged
        >>> type(summary).from_json(summary.to_json()) == summary
        True
    """
    posterior, stats = result["posterior"], result["sample_stats"]
    smc = posterior.attrs.get("method") == "smc"
    rows = {}
    for name, variable in posterior.data_vars.items():
        draws = variable.values.reshape(*variable.shape[:2], -1)
        for k in range(draws.shape[2]):
            element = str(name) if draws.shape[2] == 1 else f"{name}[{k}]"
            rows[element] = _row(draws[:, :, k], variable.attrs.get("units", ""), smc)
    chains, length = posterior.sizes["chain"], posterior.sizes["draw"]
    notes = notes_of(posterior)
    if smc:
        sd = float(stats.attrs["log_evidence_sd"])
        evidence = float(stats.attrs["log_evidence"]), sd / math.sqrt(chains)
        status = _smc_status(rows, chains, sd)
        return Report(rows, 0, chains * length, status, evidence, notes)
    divergences = int(np.sum(stats["diverging"].values)) if "diverging" in stats else 0
    deepest = stats["reached_max_treedepth"].values if "reached_max_treedepth" in stats else False
    energy = stats["energy"].values if "energy" in stats else None
    status = _nuts_status(rows, divergences, (chains, length), float(np.mean(deepest)), energy)
    return Report(rows, divergences, chains * length, status, notes=notes)


def _row(draws: Float[np.ndarray, "chain draw"], unit: str, smc: bool) -> Row:
    enough = draws.shape[1] >= 4 and bool(np.all(np.isfinite(draws)))
    convergence = r_hat(draws) if enough and draws.shape[0] > 1 else math.nan
    bulk = effective_draws(draws) if enough else math.nan
    tail = effective_tail_draws(draws) if enough else math.nan
    if smc:
        bulk, tail = _effective_particles(draws)
    q = np.quantile(draws, _QUANTILES).tolist()
    sd = float(np.std(draws, ddof=1)) if draws.size > 1 else math.nan
    return Row(float(np.mean(draws)), sd, (q[1], q[3]), (q[0], q[4]), convergence, bulk, tail, unit)


def _effective_particles(draws: Float[np.ndarray, "population particle"]) -> tuple[float, float]:
    """Effective draws for mean and tails, from the spread between populations.

    Particles of one population have common ancestors, which cannot be seen in their order.
    """
    populations, count = draws.shape[0], draws.size
    if populations < 2:
        return math.nan, math.nan

    def effective(x: Float[np.ndarray, "population particle"]) -> float:
        variance_of_mean = np.var(x.mean(axis=1), ddof=1) / populations
        if count * variance_of_mean <= np.var(x):
            return count
        return float(np.var(x) / variance_of_mean)

    tails = np.quantile(draws, (0.05, 0.95))
    return effective(draws), min(effective((draws < q).astype(float)) for q in tails)


def _smc_status(rows: dict[str, Row], populations: int, evidence_sd: float) -> str:
    if populations < 2:
        return "one population cannot be checked: run four, chains=4 (--chains 4)"
    least = _MIN_ESS_PER_CHAIN * populations
    few = {n for n, r in rows.items() if min(r.ess_bulk, r.ess_tail) < least}
    differing = [n for n, r in rows.items() if n in few or r.r_hat > _MAX_R_HAT]
    wrong = []
    if differing:
        wrong.append(f"populations disagree on {', '.join(differing)}: raise draws")
    if evidence_sd > _MAX_EVIDENCE_SD:
        wrong.append(f"populations disagree on the log evidence by {evidence_sd:.1f}: raise draws")
    return "; ".join(wrong) or "converged"


def _nuts_status(
    rows: dict[str, Row],
    divergences: int,
    shape: tuple[int, int],
    deepest_part: float,
    energy: Float[np.ndarray, "chain draw"] | None,
) -> str:
    (chains, length), wrong = shape, []
    if chains < 2 or length < 4:
        wrong.append("one chain, or too few draws, cannot be checked: run four chains")
    differing = [n for n, r in rows.items() if r.r_hat > _MAX_R_HAT]
    if differing:
        wrong.append(
            f"chains disagree on {', '.join(differing)} (R-hat up to "
            f"{max(rows[n].r_hat for n in differing):.2f}): raise warmup and draws; if it stays, "
            'the posterior has several modes or flat directions: sample with method="smc" '
            "(--method smc), use grid_posterior, or narrow priors"
        )
    least = _MIN_ESS_PER_CHAIN * chains
    few = [n for n, r in rows.items() if not min(r.ess_bulk, r.ess_tail) >= least]
    if few and not differing:
        wrong.append(f"fewer than {least} effective draws of {', '.join(few)}: raise draws")
    if divergences > _MAX_DIVERGENT_PART * chains * length:
        wrong.append(
            f"{divergences} divergent transitions: parts of the posterior may be missed; try "
            "target_accept=0.95 (--target-accept 0.95) or marginalise_linear=True (--marginalise)"
        )
    if deepest_part > _MAX_DEEPEST_PART:
        wrong.append(f"{deepest_part:.0%} of the steps end at the largest tree: raise warmup")
    if energy is not None and length > 1 and not divergences:
        moved = np.sum(np.diff(energy, axis=1) ** 2, axis=1)
        spread = np.sum((energy - energy.mean(axis=1, keepdims=True)) ** 2, axis=1)
        if np.any(moved < _MIN_BFMI * spread):
            wrong.append("energies mix slowly (heavy tails): raise warmup and draws")
    return "; ".join(wrong) or "converged"
