"""Piano models: pieces begun or continued, their pictures, and the check for plagiarism.

nearest   the training passages nearest to what was played
pictures  what is read of the past (attention), and what is expected of a piece
playing   pieces as NoteSequences
primers   what pieces begin with
sampling  `sample.py` with piano models
"""
