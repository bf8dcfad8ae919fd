"""Benchmarks of ganaug against other samplers, on real tables."""
