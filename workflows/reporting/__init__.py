"""What `evaluate.py` finds.

beat_comparison  beats beside tables and drummers
beats            reconstruction of hits, and how like drummers samples are
clips            bounds and reconstruction of a MusicVAE
conditions       what was asked of drum models, and what came
grooves          timing and velocity beside simple baselines
interpolations   ends and steps of interpolations
piano            nats a frame, and the training pieces
"""
