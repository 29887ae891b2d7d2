"""Evaluation: the protocol of the comparison, its statistics, and the report as a value."""
