"""What `make run`, the tests and the benchmarks show: fictitious prescriptions made from a seed.
Nothing here may ever look like, or be copied from, a real person's prescription."""
