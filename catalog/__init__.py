"""Every config as data, one file a family; `configs.py` is the door to them.

config         `Config` and `HParams`: what a config is
config_map     all of them by name
drums          drum beats on a grid, 2 and 4 bars
grooves        GrooVAE: drums as they are played
history_drums  drum models whose decoder reads its own past
limits         how large a config may be, and how it may be named
melodies       melodies of 2 and 16 bars
multitrack     trios of melody, bass and drums; performances of up to eight instruments
parts          encoders, decoders and hyperparameters that several files share
piano          the piano models, and MusicVAE on piano rolls
registry       the parts that a config can name: their classes, options and limits
"""
