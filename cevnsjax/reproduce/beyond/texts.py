"""What each section computes, from which data and under which conventions, as Markdown."""

JOINT = """\
CsI 2021 (9 x 11 Poisson cells of photoelectrons and time, with the release's variations of
quenching, efficiency and clock) and argon 2020 (12 energies of Analysis A) in one likelihood. Both
stand at the same source: its flux error of 10 % is one nuisance that they share, and the rest of
the signal error is separate for each. Couplings have radiative corrections, and form factors are
Helm's with radii from theory. One parameter varies at a time and all other theory parameters stay
at their defaults; all nuisances are profiled. Off-diagonal quantities, moments and couplings of
bosons enter squared: their range, and the search for the lowest chi2, begin at 0. Light bosons
couple equally to all quarks and neutrinos (vector), or with the charge 14 A + 1.1 Z (scalar).
"""
PLANE = """\
CsI 2021 as above with one neutron radius for Cs and I, and without other experiments: atomic parity
violation constrains neither parameter here. A larger radius reduces the number of events and a
larger mixing angle increases it, so that chi2 has a valley along which both grow. Only the energies
of the events close the valley, and only at its lower end: above, the data leave both open. Levels
are those of two parameters.
"""
POSTERIORS = """\
A posterior integrates over nuisances, weighted by their constraints, whereas a profile minimises
over them; credible intervals contain a given probability, whereas confidence intervals bound Delta
chi2. With flat priors and a nearly Gaussian likelihood both agree; where the likelihood has two
minima, or the parameter ends at 0, they need not. CsI 2017 with argon 2020 is exact: its cells are
Gaussian and its linear nuisances are integrated in closed form, on a grid of the parameter. CsI
2021 with argon has Poisson cells; it is sampled together with twelve nuisances by NUTS, with a
fixed seed. Priors are flat in the parameter over the range in the table; credible intervals are
those of highest density.
"""
COVERAGE = """\
By Wilks' theorem Delta chi2 is chi2-distributed with one degree of freedom. The construction of
Feldman and Cousins (PRD 57, 3873) instead throws pseudo-experiments at every value of the parameter
and counts those whose Delta chi2 is at least the data's; they are thrown with the nuisances that
fit the data best at that value. 1024 to 4096 pseudo-experiments at each point, fixed seed. Where
two values predict nearly the same counts (eps_dV_ee, whose second minimum reverses the sign of the
amplitude) the estimate of the parameter is not Gaussian, and critical values differ from Wilks'.
"""
AUXILIARY = """\
Analyses differ in what a pseudo-experiment throws: its counts, or also the measurements that
constrain its nuisances, as a repetition of the whole experiment would. CsI 2017 with its default
pulls, for the weak mixing angle and for couplings that u and d quarks share, of electron and of
muon flavour (Denton and Gehrlein, arXiv:2008.06062, doubt Wilks' theorem for COHERENT's data).
Pseudo-experiments are thrown with the nuisances that fit the data best at each value, 1024 to 32768
at each point, fixed seed. With measurements thrown, the intervals of the mixing angle are Wilks'.
Those of the couplings are Wilks' at their outer ends, but not between their two minima: there the
amplitude passes through zero, counts hardly depend on the coupling and q seldom reaches the
quantiles of chi2, so that inner ends move apart. All points share their random numbers: where they
have 1024 pseudo-experiments, the figure's critical values at 95.45 % are all low by up to a tenth,
which is chance.
"""
CONVENTIONS = """\
Several printed formulas do not give the numbers printed beside them, and papers define the same
quantity in different ways. Each row has one such choice: a number computed with the choice that
reproduces the paper (or, where the paper prints no number, with the choice made here) and with its
alternative, everything else unchanged. Intervals are at 90 % CL with one parameter free unless the
row says otherwise.
"""
