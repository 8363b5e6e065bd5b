"""Posteriors of an ``Objective``: NUTS, tempered populations, grids, and checks of them."""
