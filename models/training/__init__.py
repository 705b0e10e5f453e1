"""Training: the loop, the optimizer, and what changes with the step.

optimizer  Adam with Magenta's clipping, weight decay and averages
run_log    log.csv and TensorBoard
schedules  learning rate, weight of the KL, scheduled sampling
trainer    the loop: logs, validation, checkpoints, resuming after a kill
"""
