"""The piano's keys and pitch classes, as every roll, model and picture counts them."""

LOWEST_PITCH = 21
HIGHEST_PITCH = 108
KEYS = HIGHEST_PITCH - LOWEST_PITCH + 1
"""Key i has MIDI pitch `LOWEST_PITCH + i` and pitch class `i % len(PITCH_CLASSES)`."""

PITCH_CLASSES = ("A", "A#", "B", "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#")
"""The names of the twelve pitch classes; the first key is an A."""
