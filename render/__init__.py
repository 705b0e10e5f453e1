"""From NoteSequences to what people hear and see: MIDI files, piano rolls, WAV, an HTML gallery."""
