"""The subcommands of `explore.py`, whose flags are in `workflows/flags/exploring.py`.

attributes       attributes
edits            similar, grid, infill, combine
embedding        embed, neighbours
shared           reading, encoding, decoding and writing clips
subcommands      the workflow of each subcommand
vary             vary
vary_conditions  vary, where a condition is moved and not a latent vector
"""
