"""Checkpoints of every kind as arrays by name, and whether they fit a config.

browser              the JSON objects that the page reads
magenta_js           magenta.js, in and out
magenta_tf1          Magenta's TensorFlow 1 checkpoints, in and out
opening              `open_checkpoint`: any of them by its name, read once
ours                 safetensors with the config in the header
piano_weight_shapes  the weights of a piano model's config
torch                PyTorch models of FortsAndMills/MusicGeneration
weight_check         whether weights belong to a config
weight_shapes        the weights of a MusicVAE's config
"""
