"""The neural networks: one folder a family or a role, and one table of the families.

families       a row a family: how its models are built and loaded; `open_model` takes any checkpoint
formats        checkpoints: ours, Magenta's, magenta.js's and PyTorch's
history_drums  drum models that read their own past
layers         LSTMs and loops on each backend
music_vae      MusicVAE and GrooVAE
numpy_engine   the models without a framework
outputs        the distribution of a step
piano          models of piano frames
training       the loop, the optimizer, schedules
"""
