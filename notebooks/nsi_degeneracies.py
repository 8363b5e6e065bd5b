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
# # Non-standard interactions: why there are bands, and what breaks them
#
# Interactions of neutrinos with quarks beyond the Standard Model,
#
# $$\mathcal L = -2\sqrt2\, G_F\, \varepsilon^{qP}_{\alpha\beta}\,
#   (\bar\nu_\alpha\gamma^\mu P_L\nu_\beta)(\bar q\gamma_\mu P q),
#   \qquad q = u, d, \quad P = L, R,$$
#
# change the weak charge that a neutrino of flavour $\alpha$ sees through
# $\varepsilon^{qV} = \varepsilon^{qL} + \varepsilon^{qR}$ (Barranco, Miranda, Rashba,
# JHEP 12 (2005) 021):
#
# $$Q_{\alpha\beta} = \delta_{\alpha\beta}\,(g_V^p Z F_p + g_V^n N F_n)
#   + (2\varepsilon^u_{\alpha\beta} + \varepsilon^d_{\alpha\beta})\,Z F_p
#   + (\varepsilon^u_{\alpha\beta} + 2\varepsilon^d_{\alpha\beta})\,N F_n, \qquad
#   \text{rate} \propto \sum_\beta |Q_{\alpha\beta}|^2 .$$
#
# Amplitudes add before they are squared. Everything below follows from that.

# %%
# %matplotlib inline
import numpy as np

import cevnsjax as cj

cj.enable_x64()

theory = [cj.StandardModel(), cj.NSI("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu")]
csi_2017 = cj.Model(cj.experiments.csi_2017(), theory)
csi_2021 = cj.Model(cj.experiments.csi_2021(), theory)
argon = cj.Model(cj.experiments.lar_2020(), theory)

# %% [markdown]
# ## Bands
#
# With $F_p \simeq F_n = F$ a nucleus measures one combination of $\varepsilon^u$ and
# $\varepsilon^d$,
#
# $$Q_{ee} \simeq Q_\mathrm{SM} + F\,\big[\varepsilon^u_{ee}\,(2Z+N)
#   + \varepsilon^d_{ee}\,(Z+2N)\big],$$
#
# and is blind along $d\varepsilon^d/d\varepsilon^u = -(2Z+N)/(Z+2N)$, however good the data. It
# measures $Q_{ee}^2$, not $Q_{ee}$: to every solution belongs its mirror with $Q_{ee} \to -Q_{ee}$,
# a second band parallel to the first.

# %%
nuclei = {"Cs": (55, 78), "I": (53, 74), "Ar": (18, 22)}
g_p, g_n = 0.0401, -0.5095  # nu_e on protons and neutrons (erler_su)
for name, (Z, N) in nuclei.items():
    slope, mirror = -(2 * Z + N) / (Z + 2 * N), -2 * (g_p * Z + g_n * N) / (Z + 2 * N)
    print(f"{name}: slope {slope:.3f}; mirror of the Standard Model at eps_dV_ee = {mirror:.3f}")

# %%
axes = {"eps_uV_ee": (-1.0, 1.0, 81), "eps_dV_ee": (-1.0, 1.0, 81)}
scans = {
    "CsI 2021": cj.scan(csi_2021, **axes),
    "CsI 2017": cj.scan(csi_2017, **axes),
    "LAr 2020": cj.scan(argon, **axes),
}
cj.plots.scan_contours(scans, levels=(0.90,), points=[("Standard Model", 0, 0)])

# %% [markdown]
# In 2017 the two bands were one: a third of the neutrinos are $\nu_e$, so $Q_{ee} = 0$ between the
# bands costs a third of the signal, little more than normalisation and statistics allowed. The full
# CsI exposure separates them. Best fits (dots) lie anywhere along a band: there the likelihood is
# flat, and a quoted best fit means nothing.
#
# ## Two flavours: a ring
#
# Let $\nu_\mu$ have its own coupling. The number of events is a sum of two squares,
#
# $$N \propto f_e\, Q_{ee}^2 + f_\mu\, Q_{\mu\mu}^2, \qquad f_e : f_\mu \simeq 1 : 2,$$
#
# an ellipse about the point where both charges vanish. A difference between flavours breaks it:
# $\nu_\mu$ from $\pi^+ \to \mu^+\nu_\mu$ come with the beam, $\bar\nu_\mu$ and $\nu_e$ from the
# muon 2.2 μs later.

# %%
axes = {"eps_uV_ee": (-1.0, 1.0, 81), "eps_uV_mumu": (-1.0, 1.0, 81)}
rings = {
    "CsI 2021": cj.scan(csi_2021, **axes),
    "CsI 2017": cj.scan(csi_2017, **axes),
    "LAr 2020": cj.scan(argon, **axes),
}
figure = cj.plots.scan_contours(rings, levels=(0.90,), points=[("Standard Model", 0, 0)])
frame = figure.axes[0]
frame.plot([-1, 1 / 3], [-1 / 3, 1], color="black", linestyle=":", linewidth=1)
frame.text(-0.72, 0.08, "LMA-Dark", rotation=45, fontsize=8)
figure

# %% [markdown]
# Counts alone leave the ring (2017, argon). The arrival times of 2021 cut it into four islands: the
# Standard Model, its mirror for $\nu_e$, for $\nu_\mu$, and for both. No amount of data on one
# target removes these, as $Q \to -Q$ leaves the rate as it is, up to $F_p \neq F_n$.
#
# Two points with equal counts show why. Both have the total of the Standard Model; one has no
# $\nu_e$ signal at all, the other no $\nu_\mu$ and $\bar\nu_\mu$ signal.


# %%
def in_time(**values):
    """CEvNS counts by flavour and time bin."""
    return cj.spectrum(csi_2021, values).sum("n_pe")


def same_total(parameter, other):
    """Value of ``parameter`` that restores the total of the Standard Model at values ``other``."""
    x = np.linspace(-1.0, 0.0, 201)
    totals = [float(in_time(**{parameter: e, **other}).sum()) for e in x]
    return float(np.interp(-float(in_time().sum()), -np.array(totals), x))


dark = 0.19  # about where Q = 0 on Cs and I
dark_e, dark_mu = {"eps_uV_ee": dark}, {"eps_uV_mumu": dark}
points = {
    "Standard Model": {},
    r"no $\nu_e$": {**dark_e, "eps_uV_mumu": same_total("eps_uV_mumu", dark_e)},
    r"no $\nu_\mu, \bar\nu_\mu$": {**dark_mu, "eps_uV_ee": same_total("eps_uV_ee", dark_mu)},
}
for values in points.values():
    by_source = in_time(**values).sum("t_us")
    parts = ", ".join(f"{float(by_source.sel(source=s)):.1f} {s}" for s in by_source.source.values)
    at = ", ".join(f"{n} = {x:.3f}" for n, x in values.items()) or "Standard Model"
    print(f"{at}: {float(by_source.sum()):.1f} events, {parts}")
edges = in_time().attrs["edges_t_us"]
width = np.diff(edges)
cj.plots.comparison(
    edges,
    {name: in_time(**values).sum("source").values / width for name, values in points.items()},
    x_label=r"$t$ [$\mu$s]",
    y_label=r"signal counts / $\mu$s",
    steps=True,
)

# %% [markdown]
# ## The dark side
#
# Oscillations in matter do not change under $\Delta m^2_{31} \to -\Delta m^2_{32}$,
# $\theta_{12} \to \pi/2 - \theta_{12}$ together with
# $\varepsilon_{ee} - \varepsilon_{\mu\mu} \to -(\varepsilon_{ee} - \varepsilon_{\mu\mu}) - 2$,
# where
# $\varepsilon_{\alpha\alpha} = 3(\varepsilon^u_{\alpha\alpha} + \varepsilon^d_{\alpha\alpha})$ in
# matter with as many neutrons as protons. The "LMA-Dark" solution, with
# $\varepsilon_{ee} - \varepsilon_{\mu\mu} = -2$, is therefore beyond the reach of oscillations;
# scattering can exclude it (Coloma et al., JHEP 04 (2017) 116; PRD 96, 115007). It is the dotted
# line above, if only u quarks take part. The lowest $\chi^2$ on that line:

# %%
e = np.linspace(-1.0, 0.3, 261)
for name, model in {"CsI 2017": csi_2017, "LAr 2020": argon, "CsI 2021": csi_2021}.items():
    line = {"eps_uV_ee": e, "eps_uV_mumu": e + 2 / 3}
    chi2 = 2 * np.asarray(model.map({}, line))
    lowest = float(rings[name].chi2.min())
    best = {n: x[chi2.argmin()] for n, x in line.items()}
    print(f"{name}: {chi2.min() - lowest:.1f} above the best fit, at", end=" ")
    print(", ".join(f"{n} = {x:.2f}" for n, x in best.items()))

# %% [markdown]
# Couplings of u and d together can evade the exclusion: along the blind direction of a nucleus its
# rate does not change. But no two nuclei are blind in the same direction. Here only
# $\varepsilon_{ee}$ is switched on, with
# $\varepsilon^u_{ee} + \varepsilon^d_{ee} = -\tfrac23$, out to large couplings:

# %%
u = np.linspace(-10.0, -2.0, 321)
line = {"eps_uV_ee": u, "eps_dV_ee": -2 / 3 - u}
models = {"CsI 2021": csi_2021, "LAr 2020": argon}
on_line = {name: 2 * np.asarray(model.map({}, line)) for name, model in models.items()}
on_plane = {name: scans[name].chi2 for name in models}
for chi2 in (on_line, on_plane):
    # The two experiments have no nuisance in common, so their chi2 add up.
    chi2["together"] = chi2["CsI 2021"] + chi2["LAr 2020"]
curves = {n: c - min(c.min(), float(on_plane[n].min())) for n, c in on_line.items()}
excluded = u[np.flatnonzero(curves["together"] < 9.210).max()]
print(f"excluded at 99 % (2 dof) together: eps_uV_ee > {excluded:.1f} on the line")
cj.plots.profile(
    u,
    curves["together"],
    label=r"$\varepsilon^{uV}_{ee} = -2/3 - \varepsilon^{dV}_{ee}$",
    best_fit=None,
    intervals={},
    levels={"0.90": 4.605, "0.99": 9.210},
    others=[(name, u, curves[name]) for name in models],
    name="together",
)

# %% [markdown]
# CsI has two dips, at its blind direction near -7 and at the mirror solution near -10, where argon
# is blind. A third nucleus, or better data on these two, would exclude them. Couplings ten times
# the Fermi constant are implausible for heavy mediators, less so for light ones
# (`light_mediators`).
#
# ## Intervals are unions
#
# `cj.profile` follows all minima and returns lists of intervals. For CsI 2021 with
# $\varepsilon^u_{\mu\mu}$ profiled over, followed by all minima that a fit finds:

# %%
profile = cj.profile(csi_2021, "eps_uV_ee", free=["eps_uV_mumu"], within=(-1.0, 1.0))
print(profile)
cj.plots.profile(
    profile.x,
    profile.delta_chi2,
    label=csi_2021.parameters["eps_uV_ee"].label,
    best_fit=profile.best_fit,
    intervals={level: profile.intervals[level] for level in ("0.6827", "0.90")},
    levels={level: profile.levels[level] for level in ("0.6827", "0.90")},
    title="CsI 2021, other flavour profiled",
)

# %%
fit = cj.fit(csi_2021, free=["eps_uV_ee", "eps_uV_mumu"])
for chi2, values in fit.minima:
    print(f"chi2 = {chi2:.2f} at", ", ".join(f"{n} = {x:.3f}" for n, x in values.items()))
