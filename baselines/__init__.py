"""What a model must beat: tables and rules without a network, one readable file each, in NumPy.

drum_counts        a mixture of counts over drum tokens
frame_counts       piano frames: each key on its own, a Markov chain a key, chords by counting
groove_regression  linear regression of velocity and timing; the nearest clip
groove_table       means of each drum at each step of the bar
longest_match      copying what followed the longest match with the clip's past
repeated_bars      bars made of the clip's other bars
tap_table          drums for taps, by counting
token_counts       each step on its own, and a Markov chain
"""
