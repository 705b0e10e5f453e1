"""How good models and what they play are, measured on arrays; independent of any model."""
