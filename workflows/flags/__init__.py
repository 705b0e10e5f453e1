"""The flags of commands that play models; importing them takes neither NumPy nor a workflow.

clips          how long clips are, over which chords, from which part of a file
exploring      the subcommands of explore.py
grooves        humanize.py and tap2drum.py
history_drums  history drum models in sample.py: conditions, kept drums, songs
interpolating  interpolate.py, also as music_vae_generate --mode=interpolate
model          which trained model, its backend, temperature and seed
piano          piano models in sample.py
playback       tempo, drum map and output files of clips
sampling       sample.py, also as music_vae_generate --mode=sample
"""
