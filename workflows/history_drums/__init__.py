"""Sampling history drum models, whose decoders read what they have played.

flag_values  what the flags of `sample.py` say: conditions, hits that are kept, songs
phrases      such a model as the generator of a song's phrases
playing      clips and songs as the flags ask for
sampling     clips that meet conditions: the best of several candidates
"""
