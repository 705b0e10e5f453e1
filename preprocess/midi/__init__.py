"""MIDI files: bytes, events, bars and tempo.

bar_lines  where bars begin, by the time signatures
file       the forgiving parser of standard MIDI files
hits       drum hits of a file, to be moved in the same file
reader     from a MIDI file to a NoteSequence
step_grid  the grid of steps that ticks lie on
tempo_map  seconds and quarter notes
writer     the bytes of a file whose events were changed
"""
