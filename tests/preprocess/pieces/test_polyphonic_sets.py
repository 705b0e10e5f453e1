"""The four polyphonic sets: their sizes and published figures; other files are refused."""

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from preprocess.pieces.polyphonic_sets import load_polyphonic_set

SETS = {
    "JSB_Chorales": ((229, 13807), (76, 4602), (77, 4725), 11.09),
    "Nottingham": ((694, 176561), (173, 45513), (170, 44463), 10.26),
    "MuseData": ((524, 245202), (135, 82755), (124, 64339), 11.51),
    "Piano_midi": ((87, 75911), (12, 8540), (25, 19036), 11.05),
}


@pytest.mark.parametrize("name", SETS)
def test_polyphonic_sets(data_dir: Callable[[str], Path], name: str) -> None:
    """Their sizes, and the published nats a frame of a model that knows only how often each key sounds."""
    frames = load_polyphonic_set(data_dir("polyphonic") / f"{name}.mat")
    *sizes, nats = SETS[name]
    assert [(len(pieces), sum(map(len, pieces))) for pieces in frames.values()] == sizes
    assert list(frames) == ["train", "validation", "test"]
    assert all(p.dtype == bool and p.shape[1] == 88 for pieces in frames.values() for p in pieces)
    p = np.concatenate(frames["train"]).mean(axis=0).clip(1e-6, 1 - 1e-6)
    # Each frame is predicted from the one before, so the first of a piece is none to predict.
    test = np.concatenate([piece[1:] for piece in frames["test"]])
    found = -np.where(test, np.log(p), np.log(1 - p)).sum(axis=1).mean()
    assert found == pytest.approx(nats, abs=0.005)


def test_other_files_are_no_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    pieces = np.empty((1, 2), dtype=object)
    pieces[0, :] = [np.zeros((3, 88)), np.eye(5, 88)]
    parts = {"traindata": pieces, "validdata": pieces, "testdata": pieces}

    def load(**content: Any) -> dict[str, list[np.ndarray]]:
        savemat(tmp_path / "set.mat", content)
        return load_polyphonic_set(tmp_path / "set.mat")

    assert [int(p.sum()) for p in load(**parts)["test"]] == [0, 5]
    bad = np.empty((1, 1), dtype=object)
    bad[0, 0] = np.zeros((3, 87))
    (tmp_path / "text.mat").write_bytes(b"not a MATLAB file" * 20)
    for damaged in (
        lambda: load(traindata=pieces),
        lambda: load(**parts | {"testdata": bad}),
        lambda: load(**parts | {"testdata": pieces * 2}),
        lambda: load_polyphonic_set(tmp_path / "text.mat"),
    ):
        with pytest.raises(InputError) as error:
            damaged()
        assert error.value.reason == "bad_mat"
    with pytest.raises(InputError, match=r"absent\.mat: can't be read \(No such file or directory\)"):
        load_polyphonic_set(tmp_path / "absent.mat")
    find = builtins.__import__

    def without_scipy(name: str, *args: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return find(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(InputError, match=r"pip install .*\[evaluate\]"):
        load_polyphonic_set(tmp_path / "set.mat")
