"""Checkpoints of every kind as arrays by name, and whether they fit a config.

browser              the JSON objects that the page reads
hub                  checkpoints on the Hugging Face Hub, by their addresses
hub_card             the folder that is uploaded there: checkpoint, config and model card
magenta_js           magenta.js, in and out
magenta_tf1          Magenta's TensorFlow 1 checkpoints, in and out
onnx_decoders        MusicVAE's decoders as ONNX graphs
onnx_encoders        encoders as ONNX graphs
onnx_export          the folder of ONNX files that hosts of plug-ins load, with its manifest
onnx_graph           building ONNX graphs: operators, and the layers that models share
onnx_grooves         grooves that are mixtures as ONNX graphs
onnx_history         the history decoder as ONNX graphs
onnx_meanings        what an exported model's numbers mean, and which models can be exported
opening              `open_checkpoint`: any of them by its name, read once
ours                 safetensors with the config in the header
piano_weight_shapes  the weights of a piano model's config
torch                PyTorch models of FortsAndMills/MusicGeneration
weight_check         whether weights belong to a config
weight_shapes        the weights of a MusicVAE's config
"""
