"""Whole pieces of piano, as frames.

checks              which NoteSequences are usable pieces
fragments           pieces cut into batches
pieces              pieces of TFRecords and polyphonic sets
polyphonic_sets     the four sets of the literature, from their .mat files
primers             what a model goes on from
thirteen_key_songs  the 34 songs of MusicGeneration's first notebooks
transforms          rolls transposed, reduced to pitch classes and with errors
usable              the usable pieces of a folder, as records
"""
