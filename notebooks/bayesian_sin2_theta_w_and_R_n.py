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
# # Posteriors of the weak mixing angle and the neutron radius
#
# The coherent rate is a product of a weak charge and a form factor,
#
# $$\frac{d\sigma}{dT} \propto
# \big[g_V^p(\sin^2\theta_W)\, Z F_p(q^2) + g_V^n N F_n(q^2; R_n)\big]^2,
# \qquad F_n \simeq 1 - \tfrac16 q^2 R_n^2 ,$$
#
# with $R_n$ the rms radius of the neutrons. A larger $\sin^2\theta_W$ gives more events, a larger
# $R_n$ fewer: data constrain mostly a combination, and a statement about one of them depends on the
# prior of the other, which must therefore be shown.

# %%
# %matplotlib inline
import numpy as np
from scipy import stats

import cevnsjax as cj

cj.enable_x64()

theory, argon = [cj.StandardModel(radii="skin")], cj.experiments.lar_2020()
small = cj.Model([cj.experiments.csi_2017(), argon], theory)
full = cj.Model([cj.experiments.csi_2021(), argon], theory)
free = ["sin2_theta_w", "dR_np"]

# %% [markdown]
# One neutron skin $\Delta R_{np} = R_n - R_p$ is common to Cs, I and Ar here; proton radii are
# known from muonic atoms. Nuclear theory expects 0.1 to 0.3 fm for Cs and I, and parity violation
# in electron scattering found $0.28 \pm 0.07$ fm for the neutron-richer $^{208}$Pb (PREX-2, PRL
# 126, 172502). To begin with, let both priors be flat, that of the skin in [-1, 1.5] fm.
#
# ## A sampler and an exact answer
#
# With Gaussian bins (CsI 2017 and argon) linear pulls can be integrated out in closed form, and two
# parameters fit on a grid, where the posterior is exact. NUTS (`cj.sample`) walks with gradients,
# and `marginalise_linear=True` lets it do so in two dimensions; pulls are drawn afterwards. Both
# must agree.

# %%
flat = {"dR_np": cj.Uniform(-1.0, 1.5)}
options = {"priors": flat, "chains": 4, "warmup": 400, "seed": 2}
checked = cj.sample(small, free, draws=1000, marginalise_linear=True, **options)
cj.report(checked)

# %%
axes = {"sin2_theta_w": (0.0, 0.6, 241), "dR_np": (-1.0, 1.5, 201)}
grid = cj.grid_posterior(small, priors=flat, **axes)
for name in free:
    draws = checked["posterior"][name].values
    print(f"{name}: NUTS {draws.mean():.3f} ± {draws.std():.3f}", end=", ")
    print(f"grid {grid.attrs[f'mean_{name}']:.3f} ± {grid.attrs[f'sd_{name}']:.3f}")
labels = {n: full.parameters[n].label for n in free}
standard = [("Standard Model", {"sin2_theta_w": 0.23857, "dR_np": 0.2})]
cj.plots.corner(
    {n: checked["posterior"][n].values for n in free},
    labels=labels,
    bounds={"dR_np": (-1.0, 1.5)},
    exact={n: (grid[n].values, cj.marginal(grid, n).values) for n in free},
    points=standard,
    title="CsI 2017 and LAr 2020",
)

# %% [markdown]
# R-hat compares the spread between chains with that within chains; the effective number of draws is
# that of independent draws with the same precision (Vehtari et al., Bayesian Analysis 16 (2021)
# 667). The skin is hardly constrained: its posterior is cut by its prior at both ends.
#
# ## The full CsI data
#
# Poisson counts in energy and time, eight nuisances, four of which bend shapes: no closed form
# here, and no grid in thirteen dimensions either. Nothing changes in the call.

# %%
posterior = cj.sample(full, free, draws=600, **options)
report = cj.report(posterior)
report

# %%
draws = posterior["posterior"]
cj.plots.corner(
    {n: draws[n].values for n in free},
    labels=labels,
    bounds={"dR_np": (-1.0, 1.5)},
    priors={"dR_np": ([-1.0, 1.5], [0.4, 0.4])},
    points=standard,
    title="CsI 2021 and LAr 2020",
)

# %% [markdown]
# More events favour a skin above zero, with a spread of half a fermi: a step towards nuclear
# structure, far from testing it. The two parameters stay correlated, and the upper end is still
# that of the prior, so that mean and spread of the skin are partly chosen, not measured.

# %%
skin, angle = draws["dR_np"].values.ravel(), draws["sin2_theta_w"].values.ravel()
print(f"correlation of sin2_theta_w and the skin: {np.corrcoef(skin, angle)[0, 1]:.2f}")
print(f"probability that neutrons reach further than protons: {np.mean(skin > 0):.2f}")
R_n = 0.5 * (4.804 + 4.749) + skin
print(f"mean R_n of Cs and I: {R_n.mean():.2f} ± {R_n.std():.2f} fm")

# %% [markdown]
# ## Pulls
#
# Nuisances have Gaussian priors from the experiments. Where the posterior is as wide as the prior,
# the data do not constrain them; where it is narrower, they do: argon measures its prompt neutrons
# better than they were predicted, and CsI is sensitive to a change of its efficiency by half the
# allowed width.

# %%
nuisances = [n for n in draws.data_vars if full.parameters[n].kind == "nuisance"]
width = {n: full.parameters[n].prior.sd for n in nuisances}
cj.plots.pulls(
    nuisances,
    [float(draws[n].mean()) / width[n] for n in nuisances],
    [float(draws[n].std()) / width[n] for n in nuisances],
    title="CsI 2021 and LAr 2020",
)

# %% [markdown]
# ## Does the model describe the data?
#
# The observed counts are compared with counts thrown from the posterior, which vary by parameters
# and by statistics.

# %%
csi = full.experiments["csi-2021"]


def in_energy(group):
    """Counts of CsI 2021, summed over time."""
    counts = posterior[group]["csi-2021"].values
    return counts.reshape(*counts.shape[:-1], *csi.grid).sum(axis=-1)


cj.plots.predictive(
    csi.edges,
    in_energy("observed_data"),
    in_energy("posterior_predictive"),
    observable=csi.observable,
    title=csi.title,
)

# %% [markdown]
# ## What the prior does
#
# With nuclear theory as the prior of the skin the data measure the weak mixing angle; with the
# Standard Model as that of the angle they measure the skin. On the exact grid of CsI 2017 and
# argon:

# %%
theory_skin, known_angle = cj.Normal(0.2, 0.1), cj.Normal(0.23857, 0.0005)
priors = {
    "both flat": flat,
    "skin 0.2 ± 0.1 fm": {"dR_np": theory_skin},
    "sin2_theta_w of the SM": {**flat, "sin2_theta_w": known_angle},
}
fine = {**axes, "sin2_theta_w": np.union1d(np.linspace(0, 0.6, 241), np.linspace(0.235, 0.242, 57))}
for name, prior in priors.items():
    exact = cj.grid_posterior(small, priors=prior, **(fine if "SM" in name else axes))
    means = (f"{n} = {exact.attrs[f'mean_{n}']:.4f} ± {exact.attrs[f'sd_{n}']:.4f}" for n in free)
    print(f"{name}: {', '.join(means)}")

# %% [markdown]
# Another prior does not need another run: draws are weighted with the ratio of the priors, as long
# as enough of them keep a large weight. For the full data and the skin of nuclear theory:

# %%
weights = stats.norm.pdf(skin, theory_skin.mean, theory_skin.sd)
weights /= weights.sum()
mean = np.sum(weights * angle)
spread = np.sqrt(np.sum(weights * (angle - mean) ** 2))
print(f"sin2_theta_w = {mean:.3f} ± {spread:.3f}, from {1 / np.sum(weights**2):.0f} draws' worth")

# %% [markdown]
# ## Credible and confidence intervals
#
# One likelihood answers two questions. A profile takes the best skin at each angle and asks how
# often such an interval covers the truth; a marginal posterior integrates over skins and says where
# the angle is, given the prior. They agree where the likelihood is Gaussian and part here, where it
# is a valley that widens towards large skins: a profile follows it to its end, an integral weighs
# how wide it is. For the skin itself the data set no 90 % confidence limit within these bounds, and
# the upper end of the credible interval comes from the prior.

# %%
bounds = {"dR_np": (-1.0, 1.5), "sin2_theta_w": (0.0, 0.6)}
for name, other in [free, free[::-1]]:
    profile = cj.profile(
        small, name, free=[other], within=bounds[name], bounds={other: bounds[other]}, levels=0.90
    )
    credible = cj.credible_intervals(grid, name, levels=(0.90,))
    for what, intervals in [("confidence", profile.intervals), ("credible", credible)]:
        spans = " or ".join(f"[{low:.3f}, {high:.3f}]" for low, high in intervals["0.90"])
        print(f"{name}, 90 % {what}: {spans}")
