"""The neural networks of this project, one file a model or a part, named after the paper's term."""
