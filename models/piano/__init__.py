"""The piano models: each predicts a frame of keys from the frames before it.

build         from a config to a Keras model
evaluation    nats a frame of held-out pieces
frames        what the model says of frames, as named tuples
key_decoders  from pitch classes to keys, independent of one another
model         `FrameModel`: the loss of a piece, frame by frame
playing       drawing frame after frame
rbm_keys      from pitch classes to keys, by a Boltzmann machine
trained       a trained model that begins pieces or continues them
velocities    how hard the keys of a frame are struck
"""
