"""The neural networks of this project, one file a model or a part, named after the paper's term.

formats        checkpoints: ours, Magenta's, magenta.js's and PyTorch's
history_drums  drum models that read their own past
layers         LSTMs and loops on each backend
music_vae      MusicVAE and GrooVAE
numpy_engine   the models without a framework
outputs        the distribution of a step
piano          models of piano frames
training       the loop, the optimizer, schedules
"""
