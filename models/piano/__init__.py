"""The piano models: each predicts a frame of keys from the frames before it.

build         from a config to a Keras model
evaluation    nats a frame of held-out pieces
key_decoders  from pitch classes to keys
model         `FrameModel`: the loss of a piece, frame by frame
playing       drawing frame after frame
trained       a trained model that begins pieces or continues them
"""
