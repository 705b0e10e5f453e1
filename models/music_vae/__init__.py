"""MusicVAE: encoder, latent vector, decoder, and what can be done with them.

attributes            directions of the latent space that one hears
build                 from a config to a Keras model
codec                 encoding and decoding of a trained model, in NumPy or Keras
conductor             the hierarchical decoder
decoder_base          what every decoder offers: teacher forcing, and drawing step by step
decoders              flat decoders, with teacher forcing and scheduled sampling
elbo                  the loss: KL divergence, its weight, free bits
embedding             the latent vectors of many clips: their file, neighbours, a map
encoders              bidirectional and hierarchical encoders
evaluation            posterior, reconstruction and importance weights of held-out clips
groove_score_decoder  a decoder that reads a groove's whole score: how its hits are played
infilling             some steps of a clip drawn again to fit the others
interpolation         slerp, grids, variations, arithmetic
model                 `MusicVAE`: encoder, posterior, decoder
representations       compact examples to what the encoder reads
trained               `TrainedModel`, with Magenta's methods on NoteSequences
validation            the ELBO of held-out batches during training
"""
