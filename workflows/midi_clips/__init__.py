"""Clips of the user's MIDI files, and merging what is kept of them with what a model draws.

clip      a clip: its notes, tempo and meter, and where in the file it begins
examples  the model's example of some bars
merge     the file's notes beside those that a model draws
source    a MIDI file in ticks and bars
"""
