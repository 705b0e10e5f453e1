"""Floating-point operations of a training step, counted from the weights' shapes."""

import configs


def training_flops(config: configs.Config, batch: int) -> float:
    """Operations of one step of a hierarchical drum config, forward and backward, scheduled sampling's pass too.

    Two for each multiply-add; a backward pass is twice a forward one. What the implementation saves (a token is a
    row to look up, the embedding is multiplied once a segment) is not counted, so this is what it has to do.
    """
    h, steps = config.hparams, config.hparams.max_seq_len
    encoder = depth = 0
    depth = 10
    for units in h.enc_rnn_size:
        encoder += 2 * (depth + units) * 4 * units
        depth = 2 * units
    segments = config.decoder["level_lengths"][0]
    state = 2 * sum(h.dec_rnn_size)
    feedback = 0 if config.decoder["disable_autoregression"] else state + h.z_size
    conductor, below = 0, feedback
    core, core_below = 0, 0
    for units in h.dec_rnn_size:
        conductor += (below + units) * 4 * units
        core += (core_below + units) * 4 * units
        below = core_below = units
    once = h.dec_rnn_size[-1] * (state + 4 * h.dec_rnn_size[0])
    decoder = steps * (core + h.dec_rnn_size[-1] * 512) + segments * (conductor + once)
    return 2.0 * batch * (3 * steps * encoder + (3 + 1) * decoder)
