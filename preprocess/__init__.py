"""From a folder of MIDI to training examples: reading, selecting, converting. Knows nothing of the models."""
