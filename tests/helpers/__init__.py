"""What tests of several rooms share.

axe                 what axe finds in a page
browser             a headless Chromium
checkpoints         checkpoints of tiny models with random weights
drum_sequences      drum NoteSequences written as steps
engine_page         the page's engine in a browser
firefox             a headless Firefox
formulas            layers in NumPy, to compare the layers with
gradients           gradients on the backend that runs
groove_clips        grooves made by hand
hub_server          a stand-in for the Hugging Face Hub
magenta_converter   Magenta's melody and trio converters, in a process of their own
magenta_drums       Magenta's drum converter, likewise
magenta_groove      Magenta's GrooVAE, performance and chord converters, likewise
magenta_scripts     how these three are run
midi_bytes          Standard MIDI Files put together byte by byte
module_page         pages of a few lines that import modules of web/
panel_user          what someone does with the panels of the studio page
pitched_sequences   melodies and trios as NoteSequences
processes           commands in a process of their own
runs                small training runs
small_models        MusicVAE configs at small widths, and random weights
small_piano_models  piano configs at small widths
studio_page         the page of `export.py --format=page`
studio_user         someone who uses that page in a browser
torch_originals     the PyTorch models of FortsAndMills/MusicGeneration in NumPy
"""
