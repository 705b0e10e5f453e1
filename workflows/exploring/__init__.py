"""The subcommands of `explore.py`; each module's `COMMANDS` has their texts and functions.

attributes       attributes
edits            similar, grid, infill, combine
embedding        embed, neighbours
shared           reading, encoding, decoding and writing clips
vary             vary
vary_conditions  vary, where a condition is moved and not a latent vector
"""
