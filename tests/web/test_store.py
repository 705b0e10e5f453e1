"""The page's document and its history."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.module_page import answer_of, module_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    text = 'import { Store } from "./studio/store.js";\n\nwindow.Store = Store;\n'
    with module_browser(tmp_path_factory.mktemp("page"), text) as driver:
        yield driver


def test_undo_and_redo_walk_through_the_very_documents(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const store = new Store({ n: 0 }), seen = [store.doc];
        for (let n = 1; n <= 50; n++) {
          store.change(`step ${n}`, (doc) => ({ ...doc, n }));
          seen.push(store.doc);
        }
        const back = [], forth = [];
        while (store.canUndo) { back.push(store.undoLabel); store.undo(); forth.push(store.doc.n); }
        const start = JSON.stringify(store.doc);
        while (store.canRedo) store.redo();
        return [back.length, back[0], forth.at(-1), start, store.doc.n, store.undo(), store.undo(), store.doc.n];
        """,
    )
    assert answer == [50, "step 50", 0, '{"n":0}', 50, True, True, 48]


def test_changes_in_a_row_with_one_key_are_one_level(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const store = new Store({ n: 0 });
        const set = (n, merge) => store.change("set", (doc) => ({ ...doc, n }), { merge });
        for (let n = 1; n < 9; n++) set(n, "drag");
        store.settle();
        set(20, "drag");
        set(21, "other");
        set(22, "drag");
        const seen = [];
        while (store.undo()) seen.push(store.doc.n);
        store.redo();
        set(30, "drag");
        return [seen, store.canRedo, store.undo() && store.doc.n];
        """,
    )
    assert answer == [[21, 20, 8, 0], False, 8]


def test_no_change_is_no_level(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const store = new Store({ n: 0 });
        let told = 0;
        const end = store.subscribe(() => { told += 1; });
        store.change("nothing", (doc) => doc);
        store.change("something", (doc) => ({ ...doc, n: 1 }));
        store.change("tab", (doc) => ({ ...doc, n: 2 }), { history: false });
        end();
        store.change("more", (doc) => ({ ...doc, n: 3 }));
        store.undo();
        return [told, store.doc.n, store.undoLabel, store.redoLabel];
        """,
    )
    assert answer == [2, 2, "something", "more"]


def test_kept_keys_stay_and_the_oldest_levels_go(browser: Any) -> None:
    answer = answer_of(
        browser,
        """
        const store = new Store({ n: 0, tab: "drums" }, ["tab"]);
        for (let n = 1; n <= 300; n++) store.change("n", (doc) => ({ ...doc, n }));
        store.change("tab", (doc) => ({ ...doc, tab: "melody" }), { history: false });
        let levels = 0;
        while (store.undo()) levels += 1;
        return [levels, store.doc];
        """,
    )
    assert answer == [200, {"n": 100, "tab": "melody"}]
