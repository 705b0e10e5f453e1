"""Drum models that read their own past: HistoryUser's lags over drum tokens, and copying.

bar_encoder  an encoder of bars
build        from a config to a Keras model
decoder      the decoder
editing      clips of one's own in the latent space
trained      sampling, continuing and filling in
vae          the MusicVAE around it
"""
