"""The page's engine in a browser, with models packaged as the page has them: arrays go there and back as base64."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catalog.config import Config
from models.formats.browser import packaged
from models.formats.weight_shapes import of_music_vae
from tests.helpers.module_page import answer_of, open_module
from web.bundle import bundle
from web.skeleton import embedded

MODULE = """
import { startEngine } from "./engine/client.js";
import { bytesOfBase64 } from "./engine/tensors.js";

const KINDS = {
  float32: Float32Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array,
};

function read(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(read);
  if ("array" in value) return new KINDS[value.array](bytesOfBase64(value.bytes).buffer);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, read(each)]));
}

function written(value) {
  if (value === null || value === undefined || typeof value !== "object") return value ?? null;
  if (Array.isArray(value)) return value.map(written);
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength), parts = [];
    for (let i = 0; i < bytes.length; i += 8192) parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
    return { array: value.constructor.name.slice(0, -5).toLowerCase(), bytes: btoa(parts.join("")) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, written(each)]));
}

const models = JSON.parse(document.getElementById("models").textContent);
window.start = (some) => startEngine(some, document.getElementById("worker").textContent);
window.models = models;
window.engine = window.start(models);
window.call = async (method, ...args) => written(await window.engine[method](...args.map(read)));
"""


class EnginePage:
    """A page with some models and nothing else.

    Args:
        browser: a driver.
        folder: where the page is written.
        models: packaged ones with their roles.
    """

    def __init__(self, browser: Any, folder: Path, models: Sequence[dict[str, Any]]):
        self.browser = browser
        markup = (
            f'<script type="application/json" id="models">{embedded(list(models))}</script>'
            f'<script type="text/plain" id="worker">{bundle("engine/worker.js")}</script>'
        )
        browser.set_script_timeout(120)
        self._folder, self._markup = folder, markup
        self.open()

    def open(self) -> None:
        """Load the page, again where another one has taken its place."""
        open_module(self.browser, self._folder, MODULE, self._markup)

    def call(self, method: str, *args: Any) -> Any:
        """What a method of the engine gives."""
        return _read(
            answer_of(self.browser, "return window.call(...args);", method, *(_written(x) for x in args))
        )

    def debug(self, name: str, role: str | None = None, **args: Any) -> Any:
        """What a function of engine/testing.js gives, for the model of a role."""
        return self.call("debug", name, {"role": role, **args})

    def run(self, script: str, *args: Any) -> Any:
        """What the body of an async function gives, as JSON."""
        return answer_of(self.browser, script, *args)


def _written(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        bytes_ = np.ascontiguousarray(value).tobytes()
        return {"array": value.dtype.name, "bytes": base64.b64encode(bytes_).decode()}
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items()}
    return [_written(each) for each in value] if isinstance(value, list | tuple) else value


def _read(value: Any) -> Any:
    if isinstance(value, dict) and "array" in value:
        return np.frombuffer(base64.b64decode(value["bytes"]), value["array"])
    if isinstance(value, dict):
        return {key: _read(each) for key, each in value.items()}
    return [_read(each) for each in value] if isinstance(value, list) else value


def with_random_weights(config: Config, role: str, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """A packaged model with weights drawn at random, and these weights as float32 arrays."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(of_music_vae(config).items()):
        drawn = rng.standard_normal(shape) * (0.5 if name.endswith("bias") else 0.8 / np.sqrt(shape[0]))
        weights[name] = drawn.astype(np.float16).astype(np.float32)
    model = packaged(config, weights)
    return json.loads(json.dumps({**model, "roles": [role]})), weights
