"""Names of nuisances, which end in the experiment that they belong to."""


def short_name(experiment: str) -> str:
    """What the names of an experiment's own nuisances end in: its name without hyphens."""
    return experiment.replace("-", "")


def is_own(nuisance: str, experiment: str) -> bool:
    """Whether a nuisance belongs to one experiment by its name, and is not meant to be shared."""
    return nuisance.endswith(f"_{short_name(experiment)}")


def stem(nuisance: str, experiment: str) -> str:
    """What a nuisance shifts: "sig" of ``alpha_sig_csi2017``, "flux" of ``alpha_flux_sns``."""
    inner = nuisance.removeprefix("alpha_")
    end = short_name(experiment) if is_own(nuisance, experiment) else inner.rpartition("_")[2]
    return inner.removesuffix(end).rstrip("_") or inner or nuisance
