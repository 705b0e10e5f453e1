"""Four-bar drum beats of our own, written as text that a drummer can read."""
