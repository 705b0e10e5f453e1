"""Trained models at work on people's files: what several commands share, between `models` and `preprocess`."""
