"""From NoteSequences to what people hear and see: MIDI files, piano rolls, WAV, an HTML gallery.

audio        WAV from a small synthesiser
clips        writing clips with their pictures, sound and gallery
curves       a run's loss and held-out nats
drum_maps    which MIDI note each drum is written as
frames       what piano models expect, read and copy
gallery      an HTML page that shows and plays clips
latent_map   sheets and maps of the latent space
midi         MIDI files that loop in a DAW
performance  the files of `humanize.py` and `tap2drum.py`
pianoroll    piano rolls
report       the picture of an evaluation
roll_axes    axes of piano rolls
song         a song section by section
studio       an HTML page that plays models
"""
