"""What each section computes, from which data and under which conventions, as Markdown."""

JOINT = """\
CsI 2021 (9 x 11 Poisson cells of photoelectrons and time, with the release's variations of
quenching, efficiency and clock) and argon 2020 (12 energies of Analysis A) in one likelihood. Both
stand at the same source: its flux error of 10 % is one nuisance of both, and what remains of their
signal errors is each one's own. Couplings with radiative corrections, Helm form factors with radii
from theory. One parameter varies at a time and everything else of theory stays at its default; all
nuisances are profiled. Off-diagonal quantities, moments and couplings enter squared: their range
begins at 0, and so does Delta chi2's search for its lowest point. Light bosons couple to all
quarks and neutrinos alike (vector), or through 14 A + 1.1 Z (scalar).
"""
PLANE = """\
CsI 2021 as above with one neutron radius for Cs and I, and nothing from other experiments: no
constraint from atomic parity violation on either parameter. A larger radius takes events away and a
larger mixing angle adds some, so that the two trade against each other along a valley that only the
energies of the events close, and only at its lower end: above, the data leave both open. Levels are
those of two parameters.
"""
POSTERIORS = """\
A posterior integrates nuisances over their constraints where a profile takes the best of them, and
credible intervals hold a given probability where confidence intervals bound Delta chi2. With flat
priors and a nearly Gaussian likelihood both agree; where the likelihood has two valleys, or ends at
0, they need not. CsI 2017 with argon 2020 is exact: Gaussian cells whose linear nuisances are
integrated in closed form, on a grid of the parameter. CsI 2021 with argon has Poisson cells and is
sampled by NUTS, twelve nuisances along, with a fixed seed. Priors are flat in the parameter over
the range that the table gives; credible intervals are those of highest density.
"""
COVERAGE = """\
Wilks' theorem takes Delta chi2 for chi2-distributed with one degree of freedom. The construction of
Feldman and Cousins (PRD 57, 3873) throws pseudo-experiments at every value of the parameter instead
and takes the part of them with a Delta chi2 as large as the data's; nuisances are thrown from where
they are best at that value. 1024 to 4096 pseudo-experiments a point, fixed seed. Where two values
predict nearly the same (eps_dV_ee, whose second valley turns the amplitude's sign) the parameter is
no Gaussian one, and critical values leave those of Wilks.
"""
AUXILIARY = """\
Analyses differ in what a pseudo-experiment throws: its counts, or also the measurements that
constrain its nuisances, as a repetition of the whole experiment would. CsI 2017 with its default
pulls, for the weak mixing angle and for couplings that u and d quarks share, of electron and of
muon flavour (Denton and Gehrlein, arXiv:2008.06062, doubt Wilks' theorem for COHERENT's data).
Nuisances are thrown from where the data have them at each value, 1024 to 32768 pseudo-experiments
a point, fixed seed. With measurements thrown the mixing angle has Wilks' intervals. The couplings
have them outside, and not between their two valleys: there the amplitude passes through zero,
counts hardly depend on the coupling and q seldom reaches chi2's quantiles, so that inner ends move
apart. All points share their random numbers: where they have 1024 pseudo-experiments the figure's
critical values at 95.45 % are low by up to a tenth together, which is chance.
"""
CONVENTIONS = """\
Several printed formulas do not give the numbers printed beside them, and papers read the same
quantity in different ways. Each row has one such choice: a number with the choice that reproduces
the paper, or is taken here where the paper prints none, and with its alternative, nothing else
being changed. Intervals are 90 % CL with one parameter free unless the row says otherwise.
"""
