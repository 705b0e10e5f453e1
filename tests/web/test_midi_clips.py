"""MIDI files dropped on a page: the clips, remarks and sentences of the commands, whatever the file is."""

import base64
import contextlib
import io
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from models import families
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from tests.fuzz.midi_inputs import midi_input
from tests.helpers.midi_bytes import END, Events, delta, meter, midi, struck, tempo, track
from tests.helpers.module_page import module_browser
from tests.preprocess.midi.test_reader import BAD, FINE, FORGIVEN
from workflows.midi_clips.clip import Clip, read_clip

NAMES = {"drums": "histdec-drum_4bar", "melody": "cat-mel_2bar_tiny"}
ENTRY = """
import { drumClip } from "./music/drum_clip.js";
import { melodyClip } from "./music/melody_clip.js";
import { midiBytes } from "./music/midi_writer.js";

Object.assign(window, { drumClip, midiBytes });
const take = {
  drums: (bytes, file, name, bar) => {
    const { beat, ...clip } = drumClip(bytes, file, { steps: 64, name }, bar);
    const hits = [];
    const tokens = Array(beat.steps).fill(0);
    beat.velocities.forEach((velocity, i) => {
      if (!velocity) return;
      hits.push([Math.floor(i / 9), i % 9, velocity, beat.offsets[i]]);
      tokens[Math.floor(i / 9)] |= 1 << (i % 9);
    });
    return { ...clip, tokens, hits };
  },
  melody: (bytes, file, name, bar) => {
    const clip = melodyClip(bytes, file, { steps: 32, name }, bar);
    return { ...clip, tokens: [...clip.tokens] };
  },
};
window.clipOf = (kind, bytes, file, name, bar) => {
  try {
    return take[kind](bytes, file, name, bar);
  } catch (error) {
    return error.name === "MidiError" ? { error: error.message, reason: error.reason } : { crash: error.stack };
  }
};
window.bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
"""
AT_ONCE = 40
Case = tuple[str, bytes, int | None]
"""A file's name, its bytes, and the bar to take, or None."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY) as browser:
        yield browser


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    return {kind: families.open_music_vae(name) for kind, name in NAMES.items()}


def of_page(page: Any, kind: str, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What the page takes of files."""
    found = []
    for i in range(0, len(cases), AT_ONCE):
        batch = [(name, base64.b64encode(data).decode(), bar) for name, data, bar in cases[i : i + AT_ONCE]]
        script = (
            "return arguments[0].map(([file, text, bar]) => "
            "clipOf(arguments[1], bytesOf(text), file, arguments[2], bar));"
        )
        found += page.execute_script(script, batch, kind, NAMES[kind])
    return found


def of_commands(model: Any, folder: Path, case: Case) -> dict[str, Any]:
    """What the commands take of a file, in the page's form."""
    name, data, bar = case
    path = folder / name
    path.write_bytes(data)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            clip = read_clip(str(path), model, bar)
    except InputError as error:
        return {"error": str(error).replace(str(path), name), "reason": error.reason}
    # A page has no flags.
    lines = printed.getvalue().replace("; --bar takes another", "").removesuffix("\n")
    remarks = [line for line in lines.removeprefix(f"{path}: ").split(f"\n{path}: ") if line]
    found = {"tokens": clip.example.inputs.tolist(), "qpm": clip.qpm, "title": clip.title, "remarks": remarks}
    if model.config.name == NAMES["drums"]:
        found["hits"] = hits_of(clip)
    return found


def hits_of(clip: Clip) -> list[list[float]]:
    """Step, drum, velocity and offset of the loudest hit of each drum and step of a clip's tokens."""
    drums = {pitch: i for i, drum in enumerate(REDUCED_DRUM_CLASSES) for pitch in drum.pitches}
    # Steps as the converter rounds them, which is in seconds.
    seconds, steps_a_second = 60.0 / (clip.qpm * clip.ticks_per_quarter), 4 * clip.qpm / 60.0
    loudest: dict[tuple[int, int], tuple[int, float]] = {}
    for note in clip.notes.rows():
        step = int(max(0, note.start) * seconds * steps_a_second + 0.5)
        drum = drums.get(note.pitch)
        if drum is None or step >= clip.steps or not clip.example.inputs[step] >> drum & 1:
            continue
        if (step, drum) not in loudest or note.velocity > loudest[step, drum][0]:
            offset = float(np.float32(note.start / clip.ticks_per_quarter * 4 - step))
            loudest[step, drum] = (note.velocity, offset)
    return [[*cell, *hit] for cell, hit in sorted(loudest.items())]


def check(page: Any, models: dict[str, Any], folder: Path, cases: Sequence[Case]) -> dict[str, int]:
    """Compare the clips of files; how many of each kind there are."""
    clips = {}
    for kind, model in models.items():
        expected = [of_commands(model, folder, case) for case in cases]
        for case, theirs, ours in zip(cases, expected, of_page(page, kind, cases), strict=True):
            if kind == "drums" and any("repeated to the" in remark for remark in theirs.get("remarks", ())):
                # A command's clip also has the hits that anticipate the bar after the last, before each repetition.
                del theirs["hits"], ours["hits"]
            assert ours == theirs, f"{kind} of {case[0]}, bar {case[2]}"
        clips[kind] = sum("tokens" in found for found in expected)
    return clips


BAR = 4 * 480


def beat(first: int, bars: int, quarters: int = 4, channel: int = 9) -> Events:
    """Kick on the first quarter of each bar, hats on eighths, a snare off the grid, a tom that tells bars apart."""
    events: Events = []
    for bar in range(bars):
        start = first + bar * quarters * 480
        events += struck([start], 36, 100, channel) + struck([start + 490], 38, 60 + bar % 60, channel)
        events += struck(range(start, start + quarters * 480, 240), 42, 80, channel)
        events += struck([start + bar % 8 * 120], 45, 90, channel)
    return events


def line(first: int, bars: int, channel: int = 0, program: int = 0) -> Events:
    """A melody of quarter notes with rests, and a lower second voice."""
    events: Events = [(0, bytes([0xC0 | channel, program]))]
    for i in range(4 * bars):
        length = (480, 300, 700)[i % 3]
        events += struck([first + 480 * i], 60 + i * 5 % 13, 70, channel, length)
        events += struck([first + 480 * i], 40 + i % 5, 70, channel, 120) if i % 2 else []
    return events


def name(text: str | bytes, kind: int = 3) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return b"\xff" + bytes([kind]) + delta(len(data)) + data


def form(data: bytes, number: int) -> bytes:
    """A file that says that it is of another format."""
    return data[:8] + number.to_bytes(2, "big") + data[10:]


def generated() -> dict[str, bytes]:
    """Files of every kind that sequencers and drum machines write, and some that none does."""
    files = {f"beat of {bars} bars": midi(track(*beat(0, bars))) for bars in (1, 2, 3, 4, 5, 8, 12)}
    files |= {f"tune of {bars} bars": midi(track(*line(0, bars))) for bars in (1, 2, 3, 7)}
    files |= {f"silence of {n} bars first": midi(track(*beat(n * BAR, 4))) for n in (1, 3)}
    files |= {f"{n} silent bars behind": midi(track(*beat(0, 3), end=(3 + n) * BAR)) for n in (1, 4, 90)}
    files |= {f"end {ticks} late": midi(track(*beat(0, 2), end=2 * BAR + ticks)) for ticks in (60, 130, 481)}
    for numerator, denominator in (
        (3, 4),
        (2, 4),
        (1, 4),
        (5, 4),
        (6, 8),
        (12, 8),
        (2, 2),
        (8, 8),
        (1, 1),
        (16, 16),
    ):
        quarters = max(1, 4 * numerator // denominator)
        signature = (0, meter(numerator, denominator))
        label = f"{numerator} of {denominator}"
        files[f"beat in {label}"] = midi(track(signature, *beat(0, 6, quarters)))
        files[f"tune in {label}"] = midi(track(signature, *line(0, 6)))
    for odd in (480, 960, 1440, 2400):
        pickup = [(0, meter(odd // 480, 4)), (odd, meter(4, 4))]
        files[f"pickup of {odd}"] = midi(track(*pickup, *beat(0, 1, 1), *beat(odd, 5)))
        inside = [(0, meter(4, 4)), (2 * BAR, meter(odd // 480, 4)), (2 * BAR + odd, meter(4, 4))]
        files[f"odd bar of {odd}"] = midi(track(*inside, *beat(0, 2), *beat(2 * BAR + odd, 4)))
    files["meter changes in mid-bar"] = midi(track((700, meter(3, 4)), (1500, meter(4, 4)), *beat(0, 8)))
    for at in (0, 100, BAR, 5 * 480):
        tempos = [(0, tempo(500_000)), (at, tempo(652_174)), (at + 333, tempo(300_000))]
        files[f"tempos from {at}"] = midi(track(*tempos, *beat(0, 6)), track(*line(0, 6)))
    slow_down = [(i * 240, tempo(400_000 + i * 7919)) for i in range(64)]
    files["slows down"] = midi(track(*slow_down, *beat(0, 8)), track(*line(0, 8)))
    files["fastest"] = midi(track((0, tempo(1)), *beat(0, 4)), track(*line(0, 4)))
    files["slowest"] = midi(track((0, tempo(2**24 - 1)), *beat(0, 4)), track(*line(0, 4)))
    for ticks in (1, 2, 24, 96, 97, 220, 960, 32767):
        scaled = [(tick * ticks // 480, event) for tick, event in beat(0, 4)]
        files[f"{ticks} a quarter"] = midi(track(*scaled), division=ticks)
    early = [(max(0, tick - 59 + i % 3), event) for i, (tick, event) in enumerate(beat(0, 8))]
    files["early by half a step"] = midi(track(*early))
    files["early by a little, a loop"] = midi(
        track(*((max(0, t - 7), e) for t, e in beat(0, 1)), *struck([1915], 49))
    )
    flams = [
        event
        for tick in range(0, BAR, 480)
        for t in (0, 12, 30)
        for event in struck([tick + t], 38, 30 + 2 * t)
    ]
    files["flams"] = midi(track(*flams, *struck([0, 59, 60, 61], 42)))
    for division in (0xE728, 0xE250, 0xE850, 0xE350):
        files[f"frames {division:x}"] = midi(track((0, tempo(600_000)), *beat(0, 8)), division=division)
    for channel in (0, 15):
        for title in (
            "Drums",
            "Addictive Drums 2",
            "Kick",
            "Batería",
            "ドラム",
            "Piano",
            "My Drum Song",
            "",
            "Tom",
        ):
            drums = track((0, name(title)), *beat(0, 4, channel=channel))
            files[f"channel {channel} {title}"] = midi(
                track((0, name("Größe \u202e x"))), drums, track(*line(0, 4, 1))
            )
            files[f"only channel {channel} {title}"] = midi(drums)
    kits = [("Kick 2", 36), (b"Sn\xe4re", 38), ("Closed Hat", 42), ("808 Clap", 39)]
    each = [
        track((0, name(text)), *struck(range(60 * i, BAR, 480), 60, 90, 0))
        for i, (text, _) in enumerate(kits)
    ]
    files["a track for each drum"] = midi(*each)
    files["a track for each drum, instruments"] = midi(
        *(one.replace(b"\xff\x03", b"\xff\x04", 1) for one in each)
    )
    files["no names"] = midi(*(track(*struck(range(0, BAR, 240), pitch, 90, 0)) for _, pitch in kits))
    files["piano"] = midi(track(*line(0, 4)), track(*line(0, 4, 3, 24)))
    files["bell and piano"] = midi(track(*line(0, 4, 0, 9)), track(*line(0, 4, 1, 70)))
    files["violin"] = midi(track((0, name("Violin")), *line(0, 4, 0, 40)))
    files["too low, then reed"] = midi(track(*struck([0, 480], 12, 90, 0)), track(*line(0, 4, 1, 70)))
    files["one channel after the other"] = midi(track(*line(0, 2), *line(2 * BAR, 4, 1, 90)))
    files["drums that no kit has"] = midi(track(*struck(range(0, 2 * BAR, 480), 88)))
    files["no notes"] = midi(track((0, tempo(500_000)), end=4 * BAR))
    files["patterns"] = form(midi(track((0, tempo(700_000))), track(*beat(0, 2)), track(*beat(0, 4))), 2)
    files["patterns of nothing"] = form(midi(track((0, meter(3, 4))), track()), 2)
    files["patterns, a bad one"] = form(midi(track(*beat(0, 2)), track((0, b"\xff\x51\x01\x05"))), 2)
    files["format 0"] = form(midi(track((0, name("Title")), *beat(0, 4), *line(0, 4))), 0)
    # A bar line at 10 1/6 quarter notes, and a note half a step before another one.
    odd = [(0, meter(3, 4)), (244, meter(4, 4)), *struck([244, 260, 244 + 381], 45)]
    files["half a step before a bar line"] = midi(track(*odd, end=244 + 384), division=24)
    files["a year"] = midi(track(*beat(0, 1), (0, tempo(2**24 - 1)), *struck([2**26], 36)))
    return {**files, **{key: data for key, (data, _) in (BAD | FORGIVEN).items()}, **FINE}


def test_clips_of_generated_files_are_those_of_the_commands(
    page: Any, models: dict[str, Any], tmp_path: Path
) -> None:
    cases: list[Case] = [(f"{key}.mid".replace("/", " "), data, None) for key, data in generated().items()]
    some = random.Random(0).sample(cases, 40)
    cases += [(key, data, bar) for key, data, _ in some for bar in (1, 2, 5)]
    clips = check(page, models, tmp_path, cases)
    assert clips["drums"] > 100 and clips["melody"] > 60


def test_a_file_is_named_as_a_person_sees_it(page: Any, models: dict[str, Any], tmp_path: Path) -> None:
    data = midi(track(*beat(0, 1)))
    names = ("a.b.mid", ".mid", "mid", "über Größe.MID", "<b>x.mid", "x.")
    check(page, models, tmp_path, [(name, data, None) for name in names])


@pytest.mark.parametrize("kind", NAMES)
def test_files_larger_than_any_are_refused_unread(
    page: Any, models: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    size = 16 * 2**20 + 1
    ours = page.execute_script(
        "return clipOf(arguments[0], new Uint8Array(arguments[1]), 'big.mid', arguments[2], null);",
        kind, size, NAMES[kind],
    )  # fmt: skip
    assert ours == of_commands(models[kind], tmp_path, ("big.mid", bytes(size), None))


def test_no_sentence_grows_with_the_file(page: Any, models: dict[str, Any], tmp_path: Path) -> None:
    data = midi(track((0, name("Drums " * 100_000)), *beat(0, 4, channel=0)))
    (found,) = of_page(page, "drums", [("long.mid", data, None)])
    assert len(found["tokens"]) == 64 and len(found["remarks"][0]) < 200
    check(page, models, tmp_path, [("long.mid", data, None)])


def test_a_beat_that_was_saved_comes_back(page: Any) -> None:
    """Tokens and velocities are the same, and each hit is on the tick on which it was written."""
    different = page.execute_script(
        """
const found = [];
for (let seed = 1; seed <= 100; seed += 1) {
  let state = seed * 7919;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const beat = { steps: 64, velocities: new Uint8Array(576), offsets: new Float32Array(576) };
  for (let cell = 0; cell < 576; cell += 1) {
    if (random() > 0.15) continue;
    beat.velocities[cell] = 1 + Math.floor(127 * random());
    // Nothing lies before the first bar line; two hits of a drum lie a fifth of a step apart, at least.
    beat.offsets[cell] = cell < 9 ? 0.4 * random() : 0.8 * random() - 0.4;
  }
  beat.velocities[0] = 100;
  const back = drumClip(midiBytes({ qpm: 90 + seed, bars: 4 }, [beat]), "beat.mid").beat;
  for (let cell = 0; cell < 576; cell += 1) {
    const isNear = Math.abs(beat.offsets[cell] - back.offsets[cell]) < 0.5 / 120 + 1e-6;
    if (beat.velocities[cell] !== back.velocities[cell] || !isNear) found.push([seed, cell]);
  }
}
return found;
"""
    )
    assert different == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["groove", "midi_samples", "mutopia_piano", "chorales", "joplin_rags"])
def test_clips_of_real_files_are_those_of_the_commands(
    page: Any, models: dict[str, Any], tmp_path: Path, data_dir: Callable[[str], Path], folder: str
) -> None:
    files = sorted(data_dir(folder).rglob("*.mid"))
    chosen = random.Random(0).sample(files, min(len(files), 160 if folder == "groove" else 15))
    clips = check(page, models, tmp_path, [(path.name, path.read_bytes(), None) for path in chosen])
    assert sum(clips.values()) > len(chosen) / 2


@pytest.mark.slow
def test_whatever_is_dropped_gives_the_clip_or_the_sentence_of_the_commands(
    page: Any, models: dict[str, Any], tmp_path: Path
) -> None:
    rng = random.Random(0)
    cases: list[Case] = [(f"{seed}.mid", midi_input(random.Random(seed)), None) for seed in range(440)]
    others = [
        b"",
        b"MThd",
        b"PK\3\4" + rng.randbytes(1000),
        "<html>Größe</html>".encode() * 50,
        rng.randbytes(50_000),
    ]
    cases += [(f"other {i}.bin", data, None) for i, data in enumerate(others)]
    header = midi()
    for i in range(50):
        cases.append((f"noise {i}.mid", header + b"MTrk\0\0\1\0" + rng.randbytes(rng.randint(0, 400)), None))
    huge = struck(range(0, 60_000, 3), 38)
    cases += [(f"huge {i}.mid", midi(track(*huge, *line(0, 4)), division=96 * i), None) for i in (1, 2, 5)]
    cases += [("nothing but ends.mid", midi(END * 10_000), None), ("zeros.mid", bytes(2**20), None)]
    clips = check(page, models, tmp_path, cases)
    assert len(cases) == 500 and min(clips.values()) > 60
