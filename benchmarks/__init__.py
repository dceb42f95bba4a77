"""Each figure side by side with its peer or its limit, measured in one run: `make bench`. See docs/benchmarks.md."""
