"""Clips of people's MIDI files, and keeping of them what is to be kept.

examples     the example of some bars
input        a clip, its notes, tempo and meter
merge        the file's notes beside those that a model draws
midi_source  a MIDI file in ticks and bars
"""
