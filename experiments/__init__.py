"""Re-implementations of the smaller experiments of FortsAndMills/MusicGeneration: `python -m experiments NAME`.

Each experiment is one module, listed in `catalogue.EXPERIMENTS`. Its docstring is its --help text, and it has two
functions:

    add_flags(parser)               adds the experiment's own flags to the ones that all experiments share
    run(args, folder) -> Outcome    runs the experiment and writes its pictures and MIDI files to `folder`

"The original" always means that project, and "original" figures are the ones that its author published.
"""
