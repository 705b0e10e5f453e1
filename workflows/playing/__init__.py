"""Trained models play: clips, drums, songs, performances, piano.

clips           length, chords and batches of clips with a latent vector
drum_flags      what is asked of drum models that read their own past
drum_generator  such a model as the player of a song's phrases
drum_sampling   drawing what is asked for
drums           clips and songs of such models
groove_maps     typical performances with the spread of drummers
performing      velocities and timing for hits; drums for taps
piano           pieces begun or continued
song_files      songs as files
song_form       the sections of a song
songs           songs from phrases
taps            a tapped rhythm
"""
