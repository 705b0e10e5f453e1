"""Weights that the project ships, each with a card."""
