# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Quick start: from a neutrino on a nucleus to the weak mixing angle
#
# A neutrino of a few tens of MeV scatters off a nucleus as a whole. For a nucleus with $Z$ protons
# and $N$ neutrons the cross section is
#
# $$\frac{d\sigma}{dT} = \frac{G_F^2 M}{\pi}\, Q_V^2 \left(1 - \frac{MT}{2E_\nu^2}\right), \qquad
# Q_V = g_V^p Z F_p(q^2) + g_V^n N F_n(q^2), \qquad q^2 \simeq 2MT,$$
#
# with $g_V^n \simeq -\tfrac12$ and $g_V^p \simeq \tfrac12 - 2\sin^2\theta_W$, which is small: the
# rate grows as $N^2$ (Freedman, PRD 9 (1974) 1389). COHERENT has seen it three times at the
# Spallation Neutron Source: on CsI in 2017 (Science 357, 1123), on argon in 2020 (PRL 126, 012002),
# on the full CsI exposure in 2021 (PRL 129, 081801). This notebook predicts, fits, profiles and
# scans all three, then differentiates through the prediction.

# %%
# %matplotlib inline
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import cevnsjax as cj

cj.enable_x64()

# %% [markdown]
# ## Predict
#
# A model is made of experiments and interactions; the Standard Model is included by default.
# Everything it depends on is in one table: theory parameters with default and bounds, and the
# nuisances ("pulls") of the experiment with their Gaussian widths.

# %%
models = {
    "CsI 2017": cj.Model(cj.experiments.csi_2017()),
    "LAr 2020": cj.Model(cj.experiments.lar_2020()),
    "CsI 2021": cj.Model(cj.experiments.csi_2021()),
}
models["CsI 2017"].parameters

# %% [markdown]
# The detectors must see nuclear recoils of a few keV, shown here over the exposure of each data
# set. Heavy nuclei give more of them, light nuclei harder ones, since the end point
# $T_\mathrm{max} = 2E_\nu^2/M$ falls with the mass. The kink at 15 keV is that of the monochromatic
# $\nu_\mu$ from pions that decay at rest.

# %%
T_keV = np.linspace(0.2, 30.0, 450)
targets = {"CsI (2017)": "CsI 2017", "Ar (2020)": "LAr 2020"}
rates = {
    name: cj.spectrum(models[which], quantity="dR_dT_nr", T_nr=T_keV * 1e-3).sum("source").values
    for name, which in targets.items()
}
cj.plots.comparison(
    T_keV,
    {name: rate * 1e-3 for name, rate in rates.items()},
    x_label=r"$T_\mathrm{nr}$ [keV]",
    y_label=r"$dR/dT_\mathrm{nr}$ [1/kg/keV]",
    logarithmic=True,
)

# %% [markdown]
# Threshold, quenching and efficiency remove most recoils. The events that remain, by neutrino
# flavour:

# %%
for name, model in models.items():
    counts = cj.spectrum(model)
    total, by_source = float(counts.sum()), counts.sum(counts.dims[1:])
    parts = ", ".join(f"{s} {float(by_source.sel(source=s)):.1f}" for s in counts.source.values)
    print(f"{name}: {total:.1f} CEvNS events expected ({parts})")

# %% [markdown]
# ## Fit
#
# `cj.fit` minimises $\chi^2 = 2\,\mathrm{nll}$ by Newton's method with exact Hessians, from many
# starts; linear pulls are solved inside. Errors come from the exact Hessian.

# %%
fits = {name: cj.fit(model, free=["sin2_theta_w"]) for name, model in models.items()}
together = cj.Model([e for m in models.values() for e in m.experiments.values()])
fits["together"] = cj.fit(together, free=["sin2_theta_w"])
for name, fit in fits.items():
    value, error = fit.values["sin2_theta_w"], fit.errors["sin2_theta_w"]
    print(f"{name}: sin2_theta_w = {value:.3f} ± {error:.3f}, chi2/ndf = {fit.chi2:.1f}/{fit.ndf}")
print(fits["CsI 2017"])


# %%
def draw_fit(model, fit):
    """Data, stacked prediction at the best fit, residuals; further axes such as time summed."""
    (name, experiment), *_ = model.experiments.items()
    parts = model.predicted(fit.values)[name]

    def along(counts):
        return np.asarray(counts).reshape(experiment.grid[0], -1).sum(axis=1)

    return cj.plots.spectrum(
        experiment.edges,
        along(experiment.observed),
        along(experiment.variance),
        {source: along(c) for source, c in parts["signal"].items()},
        {what: along(c) for what, c in parts["background"].items()},
        observable=experiment.observable,
        title=experiment.title,
        note=r"$\sin^2\theta_W = {:.3f} \pm {:.3f}$".format(
            fit.values["sin2_theta_w"], fit.errors["sin2_theta_w"]
        ),
    )


draw_fit(models["CsI 2017"], fits["CsI 2017"])

# %%
draw_fit(models["LAr 2020"], fits["LAr 2020"])

# %%
draw_fit(models["CsI 2021"], fits["CsI 2021"])

# %% [markdown]
# ## Profile
#
# $\Delta\chi^2$ against $\sin^2\theta_W$ with all nuisances profiled, and intervals from its
# crossings of the $\chi^2$ quantiles. The low-energy value of the Standard Model is 0.23857 (PDG).
# Atomic parity violation is more precise; these data measure the angle at another energy and
# without electrons.

# %%
profiles = {name: cj.profile(m, "sin2_theta_w", within=(0.0, 0.5)) for name, m in models.items()}
profiles["together"] = cj.profile(together, "sin2_theta_w", within=(0.0, 0.5))
main = profiles.pop("together")
print(main)
cj.plots.profile(
    main.x,
    main.delta_chi2,
    label=together.parameters["sin2_theta_w"].label,
    best_fit=main.best_fit,
    intervals={"0.90": main.intervals["0.90"]},
    levels={level: main.levels[level] for level in ("0.6827", "0.90")},
    others=[(name, p.x, p.delta_chi2) for name, p in profiles.items()],
    name="together",
)

# %% [markdown]
# ## Scan
#
# The rate depends on $\sin^2\theta_W$ only through a product with form factors, so a larger weak
# charge can compensate a larger neutron distribution (less coherence). Let CsI and Ar have one
# common neutron skin $\Delta R_{np} = R_n - R_p$ and scan both parameters; contours are for two
# parameters.

# %%
theory = cj.StandardModel(radii="skin")
axes = {"sin2_theta_w": (0.0, 0.5, 41), "dR_np": (-2.0, 2.0, 41)}
scans = {
    name: cj.scan(cj.Model(list(model.experiments.values()), [theory]), **axes)
    for name, model in models.items()
}
# The experiments share no nuisance, so their chi2 add up, as they do in a model of all three.
scans = {"together": sum(scan[["chi2"]] for scan in scans.values()), **scans}
cj.plots.scan_contours(scans, levels=(0.90,), points=[("Standard Model", 0.23857, 0.2)])

# %% [markdown]
# The contours show the degeneracy: the data constrain a combination of $R_n$ and $\sin^2\theta_W$,
# and a radius quoted at fixed $\sin^2\theta_W$ is a statement about this combination.

# %% [markdown]
# ## Gradients
#
# `model.expected` is a pure function of a dict, so `jax.jacfwd` gives exact derivatives of every
# bin with respect to every parameter. In relative terms the weak mixing angle moves all bins alike:
# it is a normalisation, which is why the signal pull limits it. A radius acts through
# $F^2 \simeq 1 - q^2R^2/3$: mostly on hard recoils, so that a spectrum can tell the two apart.

# %%
csi = models["CsI 2017"]
at = {"sin2_theta_w": 0.23857, "R_n_Cs": 5.01, "R_n_I": 4.94}


def signal(values):
    """CEvNS counts by bin."""
    return sum(csi.by_component(values)["csi-2017"]["signal"].values())


counts, slopes = signal(at), jax.jacfwd(signal)(at)
larger = slopes["R_n_Cs"] + slopes["R_n_I"]
cj.plots.comparison(
    csi.experiments["csi-2017"].edges,
    {
        "Standard Model": counts,
        r"$\sin^2\theta_W$ + 0.02": counts + 0.02 * slopes["sin2_theta_w"],
        r"$R_n$ + 0.3 fm": counts + 0.3 * larger,
    },
    x_label=r"$n_\mathrm{PE}$",
    y_label="signal counts / 2 PE",
    steps=True,
)

# %% [markdown]
# The gradient and Hessian of the profiled likelihood are exact too, pulls included, and agree with
# what the fit printed:

# %%
best = {"sin2_theta_w": fits["CsI 2017"].values["sin2_theta_w"]}
curvature = jax.hessian(csi.profiled_nll)(best)["sin2_theta_w"]["sin2_theta_w"]
print(f"slope at the best fit {float(jax.grad(csi.profiled_nll)(best)['sin2_theta_w']):.1e}")
print(f"error from the curvature {float(curvature) ** -0.5:.4f}")

# %% [markdown]
# ## A thousand experiments at once
#
# Data are arguments, so `jax.vmap` runs over toys. Throw 2000 experiments from the Standard Model,
# find the lowest $\chi^2$ of each on a grid of $\sin^2\theta_W$, and look how often the truth lies
# within $\Delta\chi^2 < 1$ or 2.71: a test of Wilks' theorem, and so of the intervals above.

# %%
toys = csi.toy(seed=1, toys=2000)
grid = jnp.linspace(0.0, 0.7, 281)


@jax.jit
def excess(toy):
    """chi2 at the truth above the lowest one."""
    chi2 = jax.vmap(lambda s: 2 * csi.profiled_nll({"sin2_theta_w": s}, data=toy))(grid)
    return jnp.maximum(2 * csi.profiled_nll({}, data=toy) - chi2.min(), 0.0)


above = np.asarray(jax.lax.map(excess, toys, batch_size=50))
for level in (0.6827, 0.90):
    inside = np.mean(above < stats.chi2.ppf(level, 1))
    spread = np.sqrt(level * (1 - level) / len(above))
    print(f"{level:.2%} intervals hold the truth in {inside:.1%} ± {spread:.1%} of the toys")

# %% [markdown]
# Next: posteriors in `bayesian_sin2_theta_w_and_R_n`, new interactions in `nsi_degeneracies` and
# `light_mediators`.
