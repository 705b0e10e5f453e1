"""Whole pieces of piano, as frames.

baselines  simple models of frames, to compare with
fragments  pieces cut into batches
pieces     pieces of TFRecords and polyphonic sets
primers    what a model goes on from
rolls      rolls transposed, reduced to pitch classes and with errors
"""
