"""Mutated and hostile inputs, read as the commands read them: see docs/robustness.md.

archive_inputs  zips
campaign        running inputs under limits of time and memory
checks          what every campaign checks of the music that it reads
invocations     commands as a person runs them, with everything that can go wrong
midi_inputs     MIDI files
mutate          mutations of bytes, text and JSON
record_inputs   TFRecords and shards
score_inputs    ABC and MusicXML
text_inputs     configs, grids, tunes, flags and other text
vector_inputs   attribute vectors and embeddings
weight_inputs   checkpoints of every format
"""
