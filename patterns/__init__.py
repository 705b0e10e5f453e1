"""Four-bar drum beats and tunes of our own, written as text that a musician can read.

beat       a written beat as data
convert    the command: text to NoteSequences and MIDI, and MIDI files to text
files      beats from files, and to a TFRecord
for_page   beats for a page that plays them
from_midi  MIDI files as drum grids
kit        the lines of a grid: letters, names and pitches
melody     tunes of one voice
notation   drum grids as text
"""
