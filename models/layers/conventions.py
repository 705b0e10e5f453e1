"""Conventions of the LSTM cell that Keras and NumPy share: TensorFlow 1's, as Magenta's checkpoints hold it.

A kernel `[inputs + units, 4 * units]` has the input's rows first; the gates stand in the order input, candidate,
forget, output.
"""

FORGET_BIAS = 1.0
"""Added to the forget gate while computing; the stored bias does not contain it."""
