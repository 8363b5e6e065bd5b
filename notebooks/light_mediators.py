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
# # Light mediators: dips, strips and limits
#
# A vector boson $Z'$ of mass $m$ and coupling $g$ with charges $Q'$ of quarks and leptons adds to
# the weak charge (Liao and Marfatia, PLB 775, 54; Cadeddu et al., JHEP 01 (2021) 116)
#
# $$Q_\alpha \to Q_\alpha + \frac{g^2\, Q'_\alpha}{\sqrt2\, G_F\,(q^2 + m^2)}
#   \big[(2Q'_u + Q'_d)\, Z F_p + (Q'_u + 2Q'_d)\, N F_n\big], \qquad q^2 = 2MT .$$
#
# It interferes with the Standard Model. A scalar flips helicity and does not: it only adds events.
# What matters is $m$ against the momentum transfer: at $T = 10$ keV, $q$ = 50 MeV on Cs and 27 MeV
# on Ar.

# %%
# %matplotlib inline
import numpy as np

import cevnsjax as cj

cj.enable_x64()

data = {"CsI 2021": cj.experiments.csi_2021(), "LAr 2020": cj.experiments.lar_2020()}


def models(interaction):
    """The Standard Model and one interaction, for each data set."""
    return {n: cj.Model(e, [cj.StandardModel(), interaction]) for n, e in data.items()}


universal = models(cj.LightVector())

# %% [markdown]
# ## The interference dip
#
# With equal charges for all quarks and leptons the new amplitude is positive,
# $3g^2(Z F_p + N F_n)$, and the weak charge negative. They cancel where
#
# $$q^2 + m^2 = \frac{3 g^2}{\sqrt2\, G_F}\,\frac{Z F_p + N F_n}{|Q_\mathrm{SM}|},$$
#
# at one recoil energy of each nucleus if the boson is light. Below it the recoil spectrum rises
# like $1/T^2$; above it the Standard Model returns.

# %%
T_keV = np.geomspace(0.3, 40.0, 600)
points = {
    "Standard Model": {},
    r"$m = 1$ MeV, $g = 6\times10^{-5}$": {"g_Zp": 6e-5, "m_Zp": 1.0},
    r"$m = 30$ MeV, $g = 6\times10^{-5}$": {"g_Zp": 6e-5, "m_Zp": 30.0},
    r"$m = 1$ GeV, $g = 5\times10^{-4}$": {"g_Zp": 5e-4, "m_Zp": 1000.0},
}
spectra = {
    name: cj.spectrum(universal["CsI 2021"], values, quantity="dR_dT_nr", T_nr=T_keV * 1e-3).sum(
        "source"
    )
    for name, values in points.items()
}
figure = cj.plots.comparison(
    T_keV,
    {name: rate.values * 1e-3 for name, rate in spectra.items()},
    x_label=r"$T_\mathrm{nr}$ [keV]",
    y_label=r"$dR/dT_\mathrm{nr}$ [1/kg/keV]",
    title="CsI",
    logarithmic=True,
)
figure.axes[0].set_xscale("log")
figure.axes[1].set(ylim=(0.0, 3.0))
figure

# %% [markdown]
# The heavy boson of 1 GeV only scales the rate: there the $Z'$ is a non-standard interaction with
# $\varepsilon^{qV}_{\alpha\alpha} = g^2 Q'_\alpha Q'_q / (\sqrt2\, G_F\, m^2)$
# (`nsi_degeneracies`). A check, which also shows from which mass on this holds:

# %%
G_F = 1.1663787e-11  # MeV^-2
contact = models(cj.NSI("eps_uV_ee", "eps_dV_ee", "eps_uV_mumu", "eps_dV_mumu"))["CsI 2021"]
for m in (30.0, 100.0, 1000.0, 10_000.0):
    g = 5e-7 * m
    eps = g**2 / (np.sqrt(2) * G_F * m**2)
    exact = universal["CsI 2021"].expected({"g_Zp": g, "m_Zp": m})["csi-2021"].sum()
    limit = contact.expected({n: eps for n in contact.parameters if n.startswith("eps")})
    print(
        f"m = {m:7.0f} MeV: events {exact:.2f}, with eps = {eps:.5f} {limit['csi-2021'].sum():.2f}"
    )

# %% [markdown]
# ## Where the data allow it
#
# The regions are allowed at 90 % for two parameters. The experiments have no nuisance in common
# here, so their $\chi^2$ add up.

# %%
grid = {"g_Zp": (1e-5, 3e-3, 141, "log"), "m_Zp": (1.0, 3e3, 121, "log")}


def scans(interaction, **axes):
    """Scans of both data sets, and of both together."""
    alone = {name: cj.scan(m, **axes) for name, m in models(interaction).items()}
    return {"together": sum(scan[["chi2"]] for scan in alone.values()), **alone}


vector = scans(cj.LightVector(), **grid)
figure = cj.plots.scan_contours(vector, levels=(0.90,))
m = np.array([40.0, 3e3])
Z, N = 55, 78
mirror = np.sqrt(2 * np.sqrt(2) * G_F * (0.5095 * N - 0.0318 * Z) / (3 * (Z + N)))
figure.axes[0].plot(mirror * m, m, ":", color="black", linewidth=1)
figure

# %% [markdown]
# For $m \ll q$ the propagator is $1/q^2$ and the limit on $g$ does not depend on the mass; for
# $m \gg q$ only $g/m$ counts. The strip is the mirror solution $Q \to -Q$, on the dotted line
# $g/m = [2\sqrt2\, G_F |Q_\mathrm{SM}|/3A]^{1/2}$ of Cs. It ends where the boson becomes light
# enough for the dip to move through the spectrum: then the shape tells it from the Standard Model.
# The best fits (dots) lie in the strip, by small differences of $\chi^2$:

# %%
for name, scan in vector.items():
    heavy = scan.chi2.sel(m_Zp=slice(100.0, None))
    in_strip = heavy.g_Zp > 0.7 * mirror * heavy.m_Zp
    lowest = float(heavy.where(in_strip).min()), float(heavy.where(~in_strip).min())
    print("{}: chi2 {:.2f} in the strip, {:.2f} outside".format(name, *lowest))

# %% [markdown]
# At fixed mass `cj.profile` gives intervals for one parameter; where the strip exists they are
# unions.

# %%
for m in (1.0, 100.0, 1000.0):
    fixed = {"m_Zp": m}
    allowed = cj.profile(
        universal["LAr 2020"], "g_Zp", fixed=fixed, within=(0.0, 0.01), levels=0.90
    )
    spans = " or ".join(f"[{low:.3g}, {high:.3g}]" for low, high in allowed.intervals["0.90"])
    print(f"LAr 2020, m = {m:g} MeV: g within {spans} at 90 %")

# %% [markdown]
# ## Whose charges
#
# The sign of $Q'_\nu Q'_q$ decides. Universal charges interfere destructively; $B-L$ has
# $Q'_\nu Q'_q = -\tfrac13$, constructively: no dip, no strip. $L_\mu - L_\tau$ does not couple to
# quarks; the photon does it through loops of $\mu$ and $\tau$, to protons only, with
# $\frac{\alpha}{3\pi}\ln\frac{m_\tau^2}{m_\mu^2}$ in place of the charge, less by 1 to 3 % at the momenta
# seen here (the loop runs), destructively, and for $\nu_\mu$ and $\bar\nu_\mu$ only.

# %%
b_l = scans(cj.LightVector("B-L"), g_Zp=(1e-5, 1e-2, 61, "log"), m_Zp=(1.0, 3e3, 41, "log"))
fine = {"g_Zp": (5e-4, 1e-1, 121, "log"), "m_Zp": (1.0, 3e3, 121, "log")}
mu_tau = scans(cj.LightVector("L_mu-L_tau"), **fine)
gauge = {"universal": vector, "$B-L$": b_l, r"$L_\mu-L_\tau$": mu_tau}
gauge = {name: by_data["together"] for name, by_data in gauge.items()}
cj.plots.scan_contours(gauge, levels=(0.90,), title="CsI 2021 and LAr 2020")

# %% [markdown]
# ## Scalar
#
# $$\frac{d\sigma}{dT} = \frac{M^2 Q_\phi^2\, g^4\, T F^2}{4\pi E_\nu^2\,(2MT + m^2)^2}, \qquad
# Q_\phi = 14A + 1.1Z$$
#
# (Papoulias, PRD 102, 113004, eq. 20) is positive and grows as $g^4$: no cancellation, one
# connected region. The scalar charge of nucleons is large, 14 and more; that the limit on $g$ is
# nevertheless not better than that of a universal vector shows how much interference adds.

# %%
scalar = scans(cj.LightScalar(), g_phi=(1e-6, 1e-3, 61, "log"), m_phi=(1.0, 3e3, 41, "log"))
cj.plots.scan_contours(scalar, levels=(0.90,))
