"""The subcommands of `explore.py`.

clips       similar, grid, infill, combine
common      reading, encoding, decoding and writing clips
conditions  vary, where a condition is moved
sets        embed, neighbours, attributes
vary        vary
"""
