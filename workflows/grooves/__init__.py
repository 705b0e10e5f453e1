"""GrooVAE and the groove models beside it, on music of any length.

calibrate      command: learn quantile maps for a trained model
feel           `sample.py --feel`
humanizing     `humanize.py`
performing     velocities and timing for given hits, drums for taps
quantile_maps  maps that give typical performances the spread of drummers
tapping        `tap2drum.py`
taps           a tapped rhythm
"""
