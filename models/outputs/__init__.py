"""Output layers: the distribution of a step's value given the decoder's features.

base                   `Output`, what all of them offer; draws of bits and tokens
boltzmann              the mathematics of restricted Boltzmann machines
boolean                independent bits
categorical            tokens, one or several a step
chords                 frames of pitches that are independent, or one softmax over all frames
groove                 GrooVAE's: hits, velocities and offsets by their squared error
groove_layout          where the parameters of a groove's mixtures stand
groove_mixture         velocities and offsets as mixtures of discretised logistics
nade                   bits that depend on one another (NADE)
polyphonic_likelihood  masked softmaxes, and likelihoods over orders of decisions
polyphonic_sampler     the polyphonic sampler: a frame drawn note by note
rbm                    restricted Boltzmann machines whose biases come from an LSTM
voices                 the voices of the polyphonic sampler
weight_shapes          names and shapes of the outputs' weights, without building any
"""
