"""MIDI files: bytes, events, bars and tempo.

bar_lines    where bars begin, by the time signatures
changes      lists of values that change, such as tempos and meters
events       the events of a track, and how they are read
file         the forgiving parser of standard MIDI files
hits         drum hits of a file, to be moved in the same file
instruments  notes by program, channel and track
reader       from a MIDI file to a NoteSequence
step_grid    the grid of steps that ticks lie on
tempo_map    seconds and quarter notes
timeline     tempo, meter and key of the tracks of a file; ticks as seconds
writer       the bytes of a file whose events were changed
"""
