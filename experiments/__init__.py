"""Re-implementations of the smaller experiments of FortsAndMills/MusicGeneration: `python -m experiments NAME`.

autoencoder               any song into any other: collapse to a constant
boolean_algebra           Boolean rules that memorise a song
catalogue                 the list of experiments
descent                   the training loop of the Keras experiments
elephant_engine           the network of voting neurons
elephant_network          its state
elephant_rules            the rules that correct it
elephants                 networks grown one error at a time
gan                       mode collapse, and minibatch discrimination
history_architectures     HistoryUser followed by an LSTM
history_copy              HistoryUser copies bits
history_music             HistoryUser memorises and continues songs
likeness                  how close rolls are to songs
listener                  rating how corrupted a song is
nearest_neighbour_memory  an LSTM that recalls similar states
neural_turing_machine     copying with a tape
neuro_evolution           NEAT for XOR and melodies
outcome                   results beside the original's
pictures                  plots and MIDI files
pointer                   all weight on one memory slot
repeats                   frames that repeat an earlier passage
report                    the page of all results
roll_search               rolls that a listener rates highly
tunes                     the training songs
two_neurals               Q-learning against a classifier

Each experiment is one module, listed in `catalogue.EXPERIMENTS`. Its docstring is its --help text, and it has two
functions:

    add_flags(parser)               adds the experiment's own flags to the ones that all experiments share
    run(args, folder) -> Outcome    runs the experiment and writes its pictures and MIDI files to `folder`

"The original" always means that project, and "original" figures are the ones that its author published.
"""
