"""`python -m music_vae_keras COMMAND`, as `music-vae COMMAND`."""

import sys
from importlib import import_module

if __name__ == "__main__":
    sys.exit(import_module("music_vae_keras.common.entry_points").door())
