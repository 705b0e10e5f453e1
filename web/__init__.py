"""The JavaScript of the pages: plain modules without dependencies, joined into one script by `bundle`.

bundle    joins modules into one script
skeleton  puts scripts and data into a page

engine/   the models: tensors, LSTMs, decoders, in a worker of their own
music/    beats, melodies, MIDI files, drum maps: no model, no page
sound/    the synthesizer, the clock, MIDI ports
gallery/  the page of `sample.py --gallery`
studio/   the page of `export.py --format=page`
"""
