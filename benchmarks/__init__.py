"""How fast, beside the original, in one run on one machine: `python -m benchmarks --help`."""
