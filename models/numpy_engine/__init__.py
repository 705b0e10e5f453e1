"""The models without a framework: sampling needs NumPy only, and starts in 0.3 seconds.

bars             the encoder of bars
decoding         MusicVAE's decoders, drawing and scoring
encoding         MusicVAE's encoders
grooves          how hits are played
history_drums    the history decoder
lstm             LSTM layers, step by step
outputs          draws and likelihoods of the outputs
representations  compact examples to Magenta's tensors and back
"""
