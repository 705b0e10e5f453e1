"""What `evaluate.py` finds.

beat_comparison  beats beside tables and drummers
beats            reconstruction of hits, and how like drummers samples are
conditions       what conditional drum models were asked for, and what they played
grooves          timing and velocity beside simple baselines
interpolations   ends and steps of interpolations
music_vae        bounds and reconstruction of a MusicVAE
piano            nats a frame, and the nearest training passages
"""
