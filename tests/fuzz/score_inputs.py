"""Scores: ABC tune books and MusicXML, plain and compressed, corrupted or built to take all time and memory."""

import io
import random
import zipfile
from dataclasses import dataclass

from tests.fuzz.mutate import ODD_INTEGERS, ODD_TEXTS, encoded, mutate_bytes, mutate_text


@dataclass(frozen=True)
class Score:
    """The bytes of a score, and the suffix of its name."""

    data: bytes
    suffix: str


TUNES = (
    "X:1\nT:One\nM:4/4\nL:1/8\nQ:1/4=120\nK:C\n|: CDEF GABc | c2 B2 A2 G2 :|\n",
    "X:2\nT:Two\nM:6/8\nL:1/8\nK:Gmix\n(3ABc d2 e>f | [CEG]2 z2 ^F _B =c | G3- G3 |]\n",
    'X:3\nT:Three\nM:C|\nK:Dm\nP:A\n|1 D4 :|2 E4 || !fermata!F4 "Am"A2 {g}A2 |\n% a comment\nw:words here\n',
    "X:7\nK:A\nA,,B,,'C/2D3/4E//F/ z8 x4 |]\n",
)
ABC_WORDS = (
    *(
        "X:0",
        "X:-1",
        "X:99999999999999999999",
        "X:a",
        "X:1",
        "M:0/4",
        "M:4/0",
        "M:none",
        "M:C",
        "M:1000000/1",
        "M:2+3/8",
    ),
    *(
        "L:1/0",
        "L:0",
        "L:1/99999999999",
        "L:3",
        "Q:0",
        "Q:1/4=0",
        "Q:-5",
        "Q:1/4=1e9",
        "Q:120",
        'Q:"Allegro" 1/4=99999999',
    ),
    *(
        "K:",
        "K:H",
        "K:C#maj#9",
        "K:none",
        "K:HP",
        "K:C clef=bass",
        "V:1",
        "V:1 name=x",
        "[V:2]",
        "[K:D]",
        "[M:3/4]",
        "P:",
        "%%MIDI program 999",
    ),
    *(
        "|:",
        ":|",
        "::",
        "|1",
        "|2",
        "[1",
        ":||:",
        "|]",
        "z999999999",
        "C999999999",
        "C/999999999",
        "C////////////",
        "(3",
        "(9:8:7",
        "(0",
        "(99999",
    ),
    *(
        "[CEG",
        "CEG]",
        "C-",
        "-",
        ">",
        "<<<",
        "^^^C",
        "__________C",
        "C'''''''''''''''",
        "C,,,,,,,,,,,,,,",
        '"',
        '"Am',
        "{",
        "}",
        "!",
        "!x",
        "y",
        "~",
        "\\",
    ),
)


def abc(rng: random.Random) -> Score:
    """A tune book."""
    text = "\n".join(rng.choice(TUNES) for _ in range(rng.choice((1, 2, 3))))
    for _ in range(rng.choice((0, 1, 2, 5))):
        lines = text.split("\n")
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(ABC_WORDS))
        text = "\n".join(lines) if rng.random() < 0.6 else text.replace("C", rng.choice(ABC_WORDS), 1)
    way = rng.randrange(20)
    if way == 0:
        text += "X:9\nL:1/8\nK:C\n" + "|: C :|" * rng.choice((10, 300, 3000))
    elif way == 1:
        text += "X:9\nL:1/8\nK:C\n" + rng.choice(("C", "[CEG]", "(3CDE", "z", '"C"C', "C-")) * rng.choice(
            (100, 5000, 30_000)
        )
    elif way == 2:
        text += "".join(f"\nX:{i}\nK:C\nC\n" for i in range(rng.choice((10, 1000))))
    elif way == 3:
        text += "X:9\nK:C\n" + "".join(f"[V:{i}]C D E|" for i in range(rng.choice((10, 500))))
    if rng.random() < 0.6:
        text = mutate_text(rng, text, (*ABC_WORDS, *ODD_TEXTS[:3]))
    return Score(encoded(rng, text), ".abc")


NOTE = "<note>{chord}<pitch><step>{step}</step><octave>{octave}</octave></pitch><duration>{duration}</duration><voice>1</voice><type>quarter</type></note>"
NUMBERS = (
    "0",
    "-1",
    "1",
    "4",
    "480",
    "1e9",
    "nan",
    "inf",
    "",
    "x",
    "9" * 30,
    "1.5",
    "0.001",
    " 4 ",
    *map(str, ODD_INTEGERS[-6:]),
)


def _xml(rng: random.Random, odd: float) -> str:
    """A score of one to three parts."""

    def number(usual: str) -> str:
        return rng.choice(NUMBERS) if rng.random() < odd else usual

    parts, listed = [], []
    for part in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(ODD_TEXTS[1:3]) if rng.random() < odd else "Piano"
        midi = f'<midi-instrument id="P{part}-I1"><midi-channel>{number("1")}</midi-channel><midi-program>{number("1")}</midi-program></midi-instrument>'
        listed.append(f'<score-part id="P{part}"><part-name>{name}</part-name>{midi}</score-part>')
        measures = []
        for measure in range(rng.choice((1, 4, 8))):
            attributes = (
                f"<attributes><divisions>{number('4')}</divisions><key><fifths>{number('0')}</fifths><mode>{rng.choice(('major', 'minor', 'x') if odd else ('major',))}</mode></key>"
                f"<time><beats>{number('4')}</beats><beat-type>{number('4')}</beat-type></time>"
                f"<transpose><chromatic>{number('0')}</chromatic></transpose></attributes>"
                if measure == 0 or rng.random() < odd
                else ""
            )
            notes = "".join(
                NOTE.format(
                    chord="<chord/>" if rng.random() < 0.1 else "",
                    step=rng.choice("CDEFGAB")
                    if rng.random() > odd / 4
                    else rng.choice(("H", "", "c", "CC")),
                    octave=number("4"),
                    duration=number("4"),
                )
                for _ in range(4)
            )
            extra = ""
            if rng.random() < 0.3:
                extra = rng.choice(
                    (
                        f'<direction><sound tempo="{number("120")}"/></direction>',
                        f"<backup><duration>{number('16')}</duration></backup>",
                        f"<forward><duration>{number('4')}</duration></forward>",
                        f"<harmony><root><root-step>{rng.choice(('C', 'H', ''))}</root-step><root-alter>{number('0')}</root-alter></root><kind text='x'>{rng.choice(('major', 'dominant', 'x', ''))}</kind></harmony>",
                        '<barline location="right"><repeat direction="backward"/></barline>',
                        f'<barline><repeat direction="backward" times="{number("2")}"/></barline>',
                        '<barline location="left"><repeat direction="forward"/></barline>',
                        f'<barline><ending number="{number("1")}" type="start"/></barline>',
                        f"<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched><duration>{number('4')}</duration></note>",
                        f"<note><rest/><duration>{number('4')}</duration></note>",
                        f"<note><grace/><pitch><step>C</step><octave>{number('4')}</octave></pitch></note>",
                        f"<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><time-modification><actual-notes>{number('3')}</actual-notes><normal-notes>{number('2')}</normal-notes></time-modification></note>",
                        "<note/>",
                        "<x><y/></x>",
                    )
                )
            measures.append(
                f'<measure number="{number(str(measure + 1))}">{attributes}{extra}{notes}</measure>'
            )
        parts.append(f'<part id="{f"P{part}" if rng.random() > odd / 4 else "Q"}">{"".join(measures)}</part>')
    return f'<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1"><part-list>{"".join(listed)}</part-list>{"".join(parts)}</score-partwise>'


LAUGHS = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><score-partwise>&b;</score-partwise>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd" [<!ENTITY a SYSTEM "file:///etc/passwd">]><score-partwise>&a;</score-partwise>'


def musicxml(rng: random.Random) -> Score:
    """A score in XML, or a zip of one."""
    odd = rng.choice((0.0, 0.03, 0.15, 0.5))
    text = _xml(rng, odd)
    way = rng.randrange(24)
    if way == 0:
        text = rng.choice(
            (
                LAUGHS,
                OUTSIDE,
                LAUGHS.replace("ENTITY", "entity"),
                "<a>" * 100_000,
                "<a " + "b='c' " * 10_000 + "/>",
            )
        )
    elif way == 1:
        deep = rng.choice((100, 3000, 3000, 20_000))
        text = text.replace("<note>", "<note>" * deep, 1)
    elif way == 2:
        text = text.replace(
            "</measure>", "</measure>" + '<measure number="9"/>' * rng.choice((1000, 20_000)), 1
        )
    elif way == 3:
        repeat = '<barline location="right"><repeat direction="backward"/></barline></measure>'
        text = text.replace("</measure>", repeat)
    elif way == 4:
        start, end = text.index("<measure"), text.index("</measure>") + len("</measure>")
        text = text[:start] + text[start:end] * rng.choice((100, 1500)) + text[end:]
    if rng.random() < 0.3:
        text = mutate_text(rng, text)
    data = encoded(rng, text)
    if rng.random() < 0.35:
        return Score(_mxl(rng, data), rng.choice((".mxl", ".mxl", ".xml")))
    return Score(data, rng.choice((".xml", ".musicxml", ".mxl" if rng.random() < 0.1 else ".xml")))


def _mxl(rng: random.Random, score: bytes) -> bytes:
    """A compressed score; its container or its zip may be odd."""
    container = (
        '<?xml version="1.0"?><container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
    )
    path = rng.choice(("score.xml", "score.xml", "score.xml", *ODD_TEXTS[:7], "META-INF/container.xml"))
    buffer = io.BytesIO()
    kind = rng.choice(
        (zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        if rng.random() < 0.9:
            text = container.format(path) if rng.random() < 0.8 else mutate_text(rng, container.format(path))
            archive.writestr("META-INF/container.xml", text.encode("utf-8", "replace"))
        archive.writestr("score.xml", score)
        way = rng.randrange(40)
        if way == 0:
            bomb = b"\0" * rng.choice((10**6, 10**6, 7 * 10**7))
            archive.writestr("bomb.xml", bomb, zipfile.ZIP_DEFLATED)
        elif way < 4:
            archive.writestr(rng.choice(("../../x.xml", "/x.xml", "score.xml")), score)
        elif way == 4:
            for i in range(500):
                archive.writestr(f"{i}.xml", b"")
    data = buffer.getvalue()
    way = rng.randrange(8)
    if way == 0:
        return mutate_bytes(rng, data)
    if way == 1:
        # Sizes in the directory that are not those of the members.
        at = data.rfind(b"PK\1\2")
        size = rng.choice((0, 1, 2**31, 2**32 - 1)).to_bytes(4, "little")
        return data[: at + 24] + size + data[at + 28 :]
    return data
