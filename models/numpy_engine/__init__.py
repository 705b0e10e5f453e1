"""The models without a framework: sampling needs NumPy only, and starts in 0.3 seconds.

bars             the encoder of bars
decoding         encoders and decoders of MusicVAE
grooves          how hits are played
history_drums    the history decoder
outputs          draws and likelihoods of the outputs
representations  compact examples to Magenta's tensors and back
"""
