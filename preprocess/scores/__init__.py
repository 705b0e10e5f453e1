"""Written music: MusicXML and ABC.

abc_reader  ABC with chords, tuplets, ties and endings
abc_tunes   books of tunes
musicxml    MusicXML, spelled out for note-seq's parser
reader      from a file of either kind to NoteSequences
repeats     the order in which measures are played
score       what is read of a score, whatever its format
"""
