"""Songs of many bars, from any generator of drum phrases.

composing  songs from phrases: sections that differ and return, and fills before changes
files      songs as MIDI, pictures, sound and pages
form       the sections of a song, as `--structure` writes them
"""
