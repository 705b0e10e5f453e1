"""How fast, beside the original, in one run on one machine: `python -m benchmarks --help`.

flops           the products of a training step
ours            one measurement of this project in a process of its own
page            the page in Chromium, beside NumPy
polyphonic      the piano models on the polyphonic sets of the literature
random_batches  random batches in the form of each config
torch_baseline  the piano baseline in PyTorch, step by step
"""
