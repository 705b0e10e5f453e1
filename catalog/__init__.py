"""Every config as data, one file a family; `configs.py` is the door to them.

config         `Config` and `HParams`: what a config is
grooves        GrooVAE: drums as they are played
history_drums  drum models that read their own past
limits         how large a config may be, and how it may be named
options        the options of each part of a config
piano          the piano models, and MusicVAE on piano rolls
"""
