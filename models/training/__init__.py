"""Training: the loop, the optimizer, and what changes with the step.

learning_rates      how the learning rate decays
optimizer           Adam with Magenta's clipping, weight decay and averages
run_log             log.csv and TensorBoard
scheduled_sampling  how often a model in training is fed its own draws
trainer             the loop: logs, validation, checkpoints, resuming after a kill
"""
