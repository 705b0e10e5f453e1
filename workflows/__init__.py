"""What commands do from end to end, on people's files: the models of `models`, applied.

examples       the examples in given files, with a progress bar
families       what commands do with each family of models
sampling       `sample.py`, for models of every family
interpolating  `interpolate.py`
evaluating     `evaluate.py`, for models of every family
exporting      `export.py`
studio         its page that plays the models
loading        which trained model a command works with
latent_clips   `sample.py` with a MusicVAE: clips decoded from latent vectors, their length, chords, batches
flags/         the flags that commands share
midi_clips/    clips of the user's MIDI files, and merging what is kept of them with what is drawn
history_drums/ sampling history drum models: conditions, hits that are kept, songs
songs/         songs of many bars: form, composing, files
grooves/       velocities and timing for hits, drums for taps
piano/         piano pieces begun or continued
exploring/     the subcommands of `explore.py`
reporting/     what `evaluate.py` finds
training/      training runs
"""
