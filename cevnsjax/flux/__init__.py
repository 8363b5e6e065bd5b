"""Neutrino sources: spectra and their moments I_k(T) = int_{E_min(T)} f(E) E^-k dE."""
