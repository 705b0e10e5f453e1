"""Drums: which tracks and notes they are, what is asked of them, how they are played.

conditions         what can be asked of a beat: style, tempo, density, fill
drum_classes       which MIDI pitches count as the same drum
groove_conditions  what can be asked of a groove: drummer and style
history_controls   what a history decoder is given beside z at every step
hit_events         hits as rows of numbers, for groove models
names              drum names on tracks
played_hits        how a performance moves the hits of its score
rhythm             boolean grids and their syncopation
tracks             which tracks of a file are drums
windows            clips with what came before them
"""
