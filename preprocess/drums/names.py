"""Names of drum kits and single drums, as tracks bear them: words of several languages, abbreviations, products."""

import re
import unicodedata

_KITS = (
    "drum drums drumkit drumset drumloop drumrack kit perc percs percussion percussions percusion percussao percussie "
    "perkussion perkusja percussioni batterie bateria batteria schlagzeug slagverk slagwerk trumset trummor rummut "
    "bicie davul perkusyon ударные барабаны барабан перкуссия ドラム ドラムス パーカッション 鼓 架子鼓 打击乐 드럼 퍼커션 tr808 "
    "tr909 tr707 tr606 beatbox"
)
"""Words for a whole drum kit, in the languages of our users' files."""

_DRUMS = {
    36: "bd kick kicks kik kickdrum bassdrum bass_drum grosse_caisse grosse_trommel große_trommel bombo",
    38: "sd sn snare snares snaredrum snare_drum caisse_claire kleine_trommel caja",
    42: "hh ch chh hat hats hihat hihats hi_hat hi_hats closedhat closed_hat closed_hihat closed_hi_hat closed_hh "
    "hh_closed clhat hat_closed hihat_closed hi_hat_closed charleston charley",
    44: "phh pedal_hat pedal_hihat pedal_hi_hat",
    46: "oh ohh openhat open_hat open_hihat open_hi_hat open_hh hh_open ophat hat_open hihat_open hi_hat_open",
    49: "crash crashes cymbal cymbals becken",
    51: "ride rides ride_cymbal",
    45: "tom toms tomtom",
    39: "clap claps handclap",
    37: "rim rimshot sidestick side_stick rim_shot",
    56: "cowbell",
    70: "shaker shakers maracas cabasa",
    54: "tamb tambourine",
    63: "conga congas",
    60: "bongo bongos",
    75: "clave claves",
    65: "timbales",
    67: "agogo",
    73: "guiro",
}
"""Names of single drums, and the pitches that General MIDI has for them."""

_KIT_WORDS = frozenset(_KITS.split())
_PITCH_OF_WORD = {word: pitch for pitch, words in _DRUMS.items() for word in words.split()}
_NEUTRAL = (
    "track midi channel standard acoustic electric electronic rock jazz pop funk room power brush "
    "studio house main loop machine rack the set dr cr tr a b l r left right new my gm live acoust "
    "elec addictive superior ez spur piste pista "
)
"""Words beside which a drum word is still all that a name says."""

_NEUTRAL_WORDS = frozenset(_NEUTRAL.split())

_NOT_DRUMS = re.compile(
    r"steel|timpan|kettle|melodic|piano|guitar|bass(?![ _-]?drum)|synth(?![ _-]?drum)|lead|string|organ|vocal|choir|brass"
    r"|flute|sax|violin"
)


def names_kit(name: str) -> str:
    """Whether a name names a drum kit: `alone`, `as part of a title`, or not at all (empty)."""
    words = _words(name)
    if names_pitched(name) or not any(_is_kit(word) for word in words):
        return ""
    others = [
        word for word in words if not (_is_kit(word) or word in _NEUTRAL_WORDS or word in _PITCH_OF_WORD)
    ]
    return "as part of a title" if others else "alone"


def names_pitched(name: str) -> bool:
    """Whether a name names an instrument that is played at pitches."""
    return bool(_NOT_DRUMS.search(_plain(name)))


def single_drum(name: str) -> int | None:
    """The pitch of the one drum that a track's name names, such as 36 for "Kick 2" or "BD"; None where it names none."""
    words = [word for word in _words(name) if word not in _NEUTRAL_WORDS]
    if words == ["ch"] and any(c.isdigit() for c in name):
        return None  # a channel's number
    pitch = _PITCH_OF_WORD.get("_".join(words))
    if pitch is None and len(words) > 1:
        # "Kick Punchy" or "808 Snare": one word of them, and nothing that is played at pitches.
        found = {_PITCH_OF_WORD[word] for word in words if len(word) > 3 and word in _PITCH_OF_WORD}
        if len(found) == 1 and not _NOT_DRUMS.search(_plain(name)):
            pitch = found.pop()
    return pitch


def readable(name: str) -> str:
    """A name that was read as Latin-1, as UTF-8 where it is that."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def _is_kit(word: str) -> bool:
    return word in _KIT_WORDS or re.fullmatch(r"\w*drum(s|mer|kit|set)?", word) is not None


def _words(name: str) -> list[str]:
    """The words of a name, without numbers."""
    return [
        word for word in re.split(r"[\W_]+|(?<=[^\W\d])\d+$", _plain(name)) if word and not word.isdecimal()
    ]


def _plain(name: str) -> str:
    """A name in lower case without accents, with words apart that only their case parts."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", readable(name))
    decomposed = unicodedata.normalize("NFD", text)
    latin = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", latin).lower()
