"""Training, for models of every family.

callbacks           what happens beside the steps: log lines, validation, stopping, checkpoints
learning_rates      how the learning rate decays
optimizer           Adam with Magenta's clipping, weight decay and averages
resuming            what a checkpoint holds to go on from, and how a run goes on after a kill
run_log             log.csv and TensorBoard
scheduled_sampling  how often a model in training is fed its own draws
settings            how long a run trains, and how often it logs, validates and saves
trainable           the base of the models that can be trained
trainer             one `fit` with its callbacks
"""
