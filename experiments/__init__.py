"""The seeds' smaller systems, one readable file each: `python -m experiments NAME`.

A module of this package that the command knows (`catalogue.EXPERIMENTS`) has two functions:

    add_flags(parser)          its own flags, beside those that all share
    run(args, folder) -> Outcome    does it, and writes its pictures and MIDI files into the folder
"""
