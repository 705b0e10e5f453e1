"""From a folder of music to training examples: reading, selecting, converting. Knows nothing of the models.

augment                        transposed and stretched copies
conversion                     files to NoteSequences in a pool of processes
convert_dir_to_note_sequences  the command: a folder of MIDI, MusicXML and ABC to a TFRecord
converters                     between NoteSequences and examples, one file each
dataset                        TFRecords to arrays and batches
drums                          which notes are drums, and what is known of beats
drop_reasons                   why no example is made of a NoteSequence, in words
example_check                  whether an example could be a converter's
example_forms                  the forms of an example's arrays
example_proto                  tf.train.Example without TensorFlow
groove                         the command: a selection of the Groove MIDI Dataset
groove_dataset                 the Groove MIDI Dataset by its table
groove_download                the Groove MIDI Dataset from its address
keyboard                       the piano's keys and pitch classes
midi                           MIDI files: bytes, events, bars and tempo
note_sequence                  note-seq's protobuf, without its slow import
note_sequence_schema           the same protobuf, declared for installations without note-seq
piano                          the command: a folder of piano MIDI to pieces
piano_rolls                    pieces as rolls, from and to NoteSequences
pieces                         whole pieces of piano as frames
preprocess_tfrecord            the command: NoteSequences to shards of examples
scores                         MusicXML and ABC
selection                      which performances to train on
shards                         NoteSequences to shards of examples, in a pool or on Beam
sources                        files in folders and zips
tfds                           data sets of TensorFlow Datasets
tfrecord                       TFRecord files without TensorFlow
transform                      from one NoteSequence to its examples
"""
