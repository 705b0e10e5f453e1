"""Layers and loops that every model is made of, on each of Keras's backends.

backend        loops over time, random numbers and products
conventions    the LSTM cell's, which Keras and NumPy share
distributions  TensorFlow Probability's distributions
lstm           LSTM layers that run a sequence as few large products
lstm_sequence  the LSTM cell, and its loop with a gradient of its own
startup        importing Keras without TensorFlow's start-up notes
wavefront      an LSTM shared by voices that wait for each other
weight_shapes  names and shapes of the layers' weights, without building any
"""
