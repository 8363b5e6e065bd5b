"""Minimisers within bounds: Newton with exact Hessians, L-BFGS, and their inputs."""
