"""Drums: which tracks and notes they are, which conditions a model is given, how they are played.

conditions         the conditions of a beat: style, tempo, density, fill
drum_classes       which MIDI pitches count as the same drum
groove_conditions  the conditions of a groove: tempo, drummer and style
groove_grid        performances as hits, velocities and offsets on a grid
history_controls   what a history decoder is given beside z at every step
hit_events         hits of a MIDI track and their events, to be struck otherwise
names              drum names on tracks
played_hits        how a performance moves the hits of its score
rhythm             boolean grids and their syncopation
tracks             which tracks of a file are drums
windows            clips with what came before them
"""
