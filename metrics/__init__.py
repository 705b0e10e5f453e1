"""How good models and what they play are, measured on arrays; independent of any model.

beat_distances    how far two sets of beats are apart
beats             phrases, backbeat, toms and fills
drum_hits         measures of hits on grids
grooves           timing and velocity against a drummer's
plagiarism        the nearest passage of the training pieces
rank_correlation  Spearman's rank correlation
style_counts      naive Bayes for style
two_sample        a classifier two-sample test
variational       KL, bounds on the likelihood, active units
"""
