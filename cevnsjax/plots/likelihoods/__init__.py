"""Figures of fits, profiles, scans, forecasts and Feldman-Cousins constructions."""
