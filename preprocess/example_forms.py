"""The forms that an example's arrays come in, and what stands for no token in them."""

NO_TOKEN = -1
"""Stands for "nothing" among tokens: a row of zeros where others are one-hot."""

FORMS = ("one_hot", "roll", "multi_one_hot", "dense", "dense_roll")
"""How compact arrays become Magenta's tensors.

`one_hot`: a token a step. `roll`: bit i of a token says that drum i is struck; as an input with one more value,
1 where nothing is. `multi_one_hot`: several tokens a step, each one-hot, side by side. `dense`: as it is.
`dense_roll`: a 0 or 1 a drum; as an input with one more value, 1 where nothing is struck.
"""
