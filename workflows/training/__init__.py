"""Training runs.

data      what a run trains on: clips or whole pieces
run       a run from its parts
run_lock  one process trains a run at a time
"""
