"""MusicVAE: encoder, latent vector, decoder, and what can be done with them.

attributes            directions of the latent space that one hears
build                 from a config to a Keras model
conductor             the hierarchical decoder
decoders              flat decoders, with teacher forcing and scheduled sampling
elbo                  the loss: KL divergence, its weight, free bits
encoders              bidirectional and hierarchical encoders
evaluation            posterior, reconstruction and importance weights of held-out clips
groove_score_decoder  a decoder that reads a groove's whole score: how its hits are played
latent                grids, arithmetic, filling in, neighbours
model                 `MusicVAE`: encoder, posterior, decoder
representations       compact examples to what the encoder reads
trained               `TrainedModel`, with Magenta's methods
"""
