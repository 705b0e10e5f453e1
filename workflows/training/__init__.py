"""Training runs.

data        what a run trains on, for each family: clips, drum clips with their past, whole pieces
evaluation  a run's figures on held-out examples
run         a run from its flags or from its parts
run_config  the config of a run, which it keeps
run_lock    one process trains a run at a time
tfds        a data set of TensorFlow Datasets as a run's examples
"""
