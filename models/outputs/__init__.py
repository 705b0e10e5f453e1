"""Output layers: the distribution of a step's value given the decoder's features.

base                   `Output`, and Magenta's: categorical, multi-categorical, boolean, NADE, groove
boltzmann              the mathematics of restricted Boltzmann machines
chords                 frames of pitches that are independent, or sums of notes
groove_layout          the parameters of a groove's mixtures
groove_mixture         velocities and timing as mixtures of discretised logistics
polyphonic_likelihood  masked softmaxes, and likelihoods over orders of deciding
polyphonic_sampler     the polyphonic sampler: a frame drawn note by note
rbm                    restricted Boltzmann machines whose biases come from an LSTM
velocities             how hard the keys of a frame are struck
voices                 the voices of the polyphonic sampler
"""
