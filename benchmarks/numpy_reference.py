"""Plain NumPy CsI-2017 prediction and chi2, with which the package's speed is compared.

The default analysis (14.57 kg, coherent2020 quenching, no smearing, 12 bins of 6-30 PE, Helm,
couplings erler_su, pulls 0.128 and 0.25) as a function of the five parameters in `NAMES`:
`predict_rebuilt` computes everything on the fixed recoil grid at every call, `FixedResponse` keeps
what does not depend on the couplings. Data: COHERENT release, arXiv:1804.09459, 0-6 us.
Run it to print timings. Units: MeV, fm, cm^2.
"""

import timeit

import numpy as np
from scipy.optimize import brentq

NAMES = ("sin2_theta_w", "R_n_Cs", "R_n_I", "eps_uV_ee", "eps_dV_ee")
DEFAULT = np.array([0.23857, 5.01, 4.94, 0.0, 0.0])
STEPS = np.array([1e-4, 1e-3, 1e-3, 1e-4, 1e-4])
G_F, HBARC, ALPHA = 1.1663787e-11, 197.3269804, 1 / 137.035999084
M_E, M_MU, M_PI, M_W, U = 0.51099895, 105.6583755, 139.57039, 80379.0, 931.49410242
E_PI, E_END = (M_PI**2 - M_MU**2) / (2 * M_PI), M_MU / 2
Z = np.array([55, 53])[:, None]  # Cs, I
N = np.array([78, 74])[:, None]
MASS = np.array([132.905451961, 126.904473])[:, None] * U - Z * M_E
R_P = np.array([4.804, 4.749])[:, None]
NUCLEI = 14570 * 6.02214076e23 / 259.809924961  # of each element
FLUENCE = 0.08 * 1.76e23 / (4 * np.pi * 1930.0**2)  # per flavour [1/cm^2]
EDGES = np.arange(6.0, 31.0, 2.0)
C = np.array([35, 62, 91, 74, 60, 49, 35, 33, 27, 21, 34, 26.0])
AC = np.array([26, 51, 67, 49, 39, 32, 30, 23, 21, 21, 29, 17.0])
# fmt: off
B_ON = np.array([
    0.205261396707, 0.353734071127, 0.518131865298, 0.624713733285, 0.64152378728,
    0.598884256209, 0.533987811467, 0.471386247822, 0.430246981556, 0.381647492764,
    0.347568081793, 0.312255775399,
])
# fmt: on
MEASURED, VARIANCE, SIGMAS = C - AC, C + AC + B_ON, np.array([0.128, 0.25])


def n_pe(T):
    """Mean photoelectrons (coherent2020 quenching, 13.348 PE/keVee)."""
    return 13348 * T * (0.0554628 + T * (4.30681 + T * (-111.707 + T * 840.384)))


def acceptance(n):
    """Acceptance at n >= 6 photoelectrons."""
    return 0.6655 / (1 + np.exp(-0.4942 * (n - 10.8507)))


def recoil_grid(order=5):
    """Gauss-Legendre nodes and weights [MeV] per nucleus and panel, and the bin of each panel.

    Panels are the images of the PE bins, cut where the prompt and the Michel recoils end.
    """
    x, w = np.polynomial.legendre.leggauss(order)
    panels, bins = [], []
    for mass in MASS[:, 0]:
        ends = [2 * E_PI**2 / mass, 2 * E_END**2 / mass]
        image = [brentq(lambda T, n=n: n_pe(T) - n, 0, 0.06, xtol=1e-17) for n in EDGES]
        cuts = np.unique(image + [T for T in ends if image[0] < T < image[-1]])
        panels.append(cuts)
        bins.append(np.searchsorted(image, (cuts[:-1] + cuts[1:]) / 2) - 1)
    cuts, bins = np.array(panels), np.array(bins)
    half = np.diff(cuts)[..., None] / 2
    nodes = cuts[:, :-1, None] + half * (1 + x)
    return nodes.reshape(2, -1), (half * w).reshape(2, -1), np.repeat(bins, order, axis=1)


T_NR, WEIGHT, BIN = recoil_grid()
IN_BIN = (BIN[..., None] == np.arange(len(EDGES) - 1)).astype(float)  # [nucleus, node, bin]


def flux_kernels(T):
    """Average of 1 - M T/(2 E^2) over the spectra: nu_e and nu_mu + nu_mu_bar, closed form."""
    s = np.minimum(np.sqrt(MASS * T / 2) / E_END, 1.0)
    prompt = np.maximum(1 - MASS * T / (2 * E_PI**2), 0.0)
    return (1 - s) ** 3 * (1 + 3 * s), (1 - s) ** 2 * (1 + 2 * s - s**2) + prompt


def helm(q, R, s=0.9):
    """Helm form factor of q [1/fm] with rms radius R and surface s [fm]."""
    x = q * np.sqrt(5 / 3 * (R**2 - 3 * s**2))
    return 3 * (np.sin(x) - x * np.cos(x)) / x**3 * np.exp(-((q * s) ** 2) / 2)


def proton_coupling(s2w, lepton_mass):
    """g_Vp with radiative corrections (Cadeddu et al., PRD 102 015030)."""
    box = 1 / 127.955 / (4 * np.pi * 0.23122) * (1 - 0.24 / np.pi)
    radius = ALPHA / (6 * np.pi) * (3 - 2 * np.log(lepton_mass**2 / M_W**2))
    return 1.00063 * (0.5 - 2 * s2w) - box + radius


G_VN = -1.00063 / 2 - 1 / 127.955 / (8 * np.pi * 0.23122) * (7 - 0.6 / np.pi)


def nucleon_charges(values):
    """Couplings (p, n) of nu_e and of nu_mu for values [..., 5]."""
    s2w, _, _, u, d = np.moveaxis(np.asarray(values, float), -1, 0)
    p_e = proton_coupling(s2w, M_E) + 2 * u + d
    return p_e, G_VN + u + 2 * d, proton_coupling(s2w, M_MU), G_VN


def node_weights(T):
    """Counts per unit squared charge at every node, for nu_e and for nu_mu + nu_mu_bar."""
    rate = G_F**2 * MASS / np.pi * (HBARC * 1e-13) ** 2 * NUCLEI * FLUENCE
    common = rate * WEIGHT * acceptance(n_pe(T))
    return tuple(common * kernel for kernel in flux_kernels(T))


def form_factors(T, R_n):
    """Charges Z F_p and N F_n per nucleus and node for neutron radii R_n [nucleus, 1]."""
    q = np.sqrt(2 * MASS * T) / HBARC
    return Z * helm(q, R_P), N * helm(q, R_n)


def predict_rebuilt(values):
    """Signal counts in the 12 bins, everything but the grid rebuilt."""
    proton, neutron = form_factors(T_NR, np.asarray(values)[1:3, None])
    p_e, n_e, p_mu, n_mu = nucleon_charges(values)
    w_e, w_mu = node_weights(T_NR)
    rate = w_e * (p_e * proton + n_e * neutron) ** 2 + w_mu * (p_mu * proton + n_mu * neutron) ** 2
    return np.bincount(BIN.ravel(), rate.ravel(), minlength=len(EDGES) - 1)


class FixedResponse:
    """Response and form factors at fixed radii; only the couplings vary."""

    def __init__(self, R_n=DEFAULT[1:3]):
        self.proton, self.neutron = (f.ravel() for f in form_factors(T_NR, R_n[:, None]))
        cells = IN_BIN.reshape(-1, len(EDGES) - 1)
        self.response = [w.reshape(-1, 1) * cells for w in node_weights(T_NR)]
        p, n = self.proton, self.neutron
        products = np.stack([p * p, 2 * p * n, n * n])
        self.templates = np.concatenate([products @ r for r in self.response])  # [6, bin]

    def predict(self, values):
        """Signal counts of one or many points [..., 5] through the nodes."""
        p_e, n_e, p_mu, n_mu = (np.asarray(g)[..., None] for g in nucleon_charges(values))
        Q2 = [(p_e * self.proton + n_e * self.neutron) ** 2]
        Q2.append((p_mu * self.proton + n_mu * self.neutron) ** 2)
        return Q2[0] @ self.response[0] + Q2[1] @ self.response[1]

    def predict_template(self, values):
        """Signal counts through the six products of couplings, in which counts are linear."""
        p, n, P, M = np.broadcast_arrays(*nucleon_charges(values))
        return np.stack([p * p, p * n, n * n, P * P, P * M, M * M], axis=-1) @ self.templates


def chi2(signal):
    """Gaussian chi2 of signal [..., 12] with two linear pulls minimised in closed form."""
    S, B = signal, np.broadcast_to(B_ON, signal.shape)
    rest = MEASURED - S - B
    inv, prior = 1 / VARIANCE, 1 / SIGMAS**2
    ss, sb, bb = (S * S) @ inv + prior[0], (S * B) @ inv, (B_ON * B_ON) @ inv + prior[1]
    rs, rb = (rest * S) @ inv, (rest * B) @ inv
    det = ss * bb - sb * sb
    a1, a2 = (bb * rs - sb * rb) / det, (ss * rb - sb * rs) / det
    rest = rest - a1[..., None] * S - a2[..., None] * B
    return rest**2 @ inv + prior[0] * a1**2 + prior[1] * a2**2


def nsi_grid(n=100, half_width=1.0):
    """Values of n x n points in (eps_uV_ee, eps_dV_ee), the rest at its default."""
    axis = np.linspace(-half_width, half_width, n)
    grid = np.tile(DEFAULT, (n, n, 1))
    grid[..., 3], grid[..., 4] = np.meshgrid(axis, axis, indexing="ij")
    return grid


def gradient(f, values, steps=STEPS):
    """Central finite differences of f in the five parameters."""
    shifts = np.diag(steps)
    return np.array([(f(values + h) - f(values - h)) / (2 * h.sum()) for h in shifts])


def main():
    """Print the time of each task, the best of five."""
    fixed, grid = FixedResponse(), nsi_grid()
    tasks = {
        "prediction, rebuilt": (lambda: predict_rebuilt(DEFAULT), 500),
        "prediction, fixed response": (lambda: fixed.predict(DEFAULT), 5000),
        "prediction, template": (lambda: fixed.predict_template(DEFAULT), 5000),
        "chi2, rebuilt": (lambda: chi2(predict_rebuilt(DEFAULT)), 500),
        "gradient of chi2, rebuilt": (
            lambda: gradient(lambda v: chi2(predict_rebuilt(v)), DEFAULT),
            50,
        ),
        "100 x 100 scan, fixed response": (lambda: chi2(fixed.predict(grid)), 3),
        "100 x 100 scan, template": (lambda: chi2(fixed.predict_template(grid)), 20),
    }
    for name, (task, number) in tasks.items():
        seconds = min(timeit.repeat(task, number=number, repeat=5)) / number
        print(f"{name:32s} {1e6 * seconds:12.1f} us")


if __name__ == "__main__":
    main()
