"""Names, one-line descriptions and running times of the experiments."""

EXPERIMENTS: dict[str, str] = {
    "history_copy": "HistoryUser (attention by lag) learns a copy task by gradient descent and by evolution",
    "history_architectures": "HistoryUser followed by an LSTM, on three copy tasks of growing difficulty",
    "history_music": "HistoryUser learns songs and generates music; which earlier frames it attends to",
    "listener": "an LSTM rates how corrupted a song is; two searches look for rolls that it rates highly",
    "nearest_neighbour_memory": "an LSTM with a nearest-neighbour memory of its own states predicts repeats",
    "pointer": "sanity check: an LSTM learns to put all of its softmax weight on one memory slot",
    "autoencoder": "a network trained to turn any song into any other collapses to a constant",
    "gan": "a GAN trained on songs collapses to one of them; minibatch discrimination helps",
    "neural_turing_machine": "a neural Turing machine learns to copy sequences",
    "two_neurals": "a Q-learning agent is paid for keys that a classifier predicts well, but not perfectly",
    "neuro_evolution": "NEAT evolves networks for XOR and for playing a melody",
    "boolean_algebra": "Boolean rules, added one error at a time, memorise a song",
    "elephants": "networks of voting neurons, grown one error at a time, memorise a song",
}
"""A one-line description of each experiment, by module name."""

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
"""Approximate running times of the slower experiments on one core; the report starts the slowest first."""
