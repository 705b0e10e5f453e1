"""The experiments that the command knows."""

EXPERIMENTS: dict[str, str] = {
    "history_copy": "HistoryUser learns to copy, by gradient and by evolution, within bounded memory",
    "history_architectures": "HistoryUser with an LSTM behind it: copy, copy and roll, a lag that varies",
    "history_music": "HistoryUser writes music: the music generator, the melody generator, what they read",
    "listener": "an LSTM hears how spoiled a song is; gradient ascent and a genetic search try to please it",
    "nearest_neighbour_memory": "an LSTM that answers what was right when its state was like this before",
    "pointer": "a sanity test: an LSTM learns to point at one slot of a memory",
    "autoencoder": "a network from any song to any other collapses to their mean",
    "gan": "a GAN on songs collapses to one; minibatch discrimination is the remedy",
    "neural_turing_machine": "a neural Turing machine learns to copy",
    "two_neurals": "a Q-learning agent plays what a classifier can guess, but not too well",
    "neuro_evolution": "NEAT learns XOR, and to press the right keys for a melody",
    "boolean_algebra": "rules of ANDs and ORs, grown one error at a time, learn a song by heart",
    "elephants": "networks of voting neurons, grown one error at a time, learn a song by heart",
}
"""What each is about, by the name of its module."""

SECONDS: dict[str, int] = {
    "history_music": 240,
    "history_architectures": 180,
    "listener": 140,
    "nearest_neighbour_memory": 90,
    "neural_turing_machine": 90,
    "gan": 80,
    "autoencoder": 65,
    "history_copy": 60,
    "neuro_evolution": 50,
    "two_neurals": 50,
    "elephants": 40,
}
"""About how long the longer ones take on one core, so that the report can start with the longest."""
