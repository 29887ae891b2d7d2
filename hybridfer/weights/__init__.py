"""Weights that travel in the wheel."""
