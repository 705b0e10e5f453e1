"""`export.py` from end to end: a checkpoint of any kind in the format of ours, of Magenta, of magenta.js or of ONNX, for the Hub, or as a page."""

from pathlib import Path

import configs
from common.errors import InputError
from common.output_files import check_folder, write_folder
from models import families
from models.formats import hub_card, magenta_js, magenta_tf1, ours
from models.formats.opening import OpenedCheckpoint, open_checkpoint
from workflows.studio import export_page


def export(
    source: str | None,
    output: Path,
    format: str = "safetensors",
    config: str | None = None,
    float16: bool = False,
    quantization: str | None = None,
    force: bool = False,
) -> str:
    """Write the weights of a checkpoint, without optimizer state, in another format.

    Args:
        source: a run_dir or a checkpoint, as `open_checkpoint` takes it; None for a "page" of the shipped models.
        output: the file to write; a prefix for "tf1", a folder for "magenta_js", "onnx" and "hub".
        format: "safetensors", "tf1" (also called "magenta"), "magenta_js", "onnx", "hub" or "page".
        config: name or file of the config, for checkpoints that don't contain theirs.
        float16: whether weights are rounded to 16 bits, for "safetensors" and "hub".
        quantization: "uint8" or "uint16", for "magenta_js".
        force: whether `output` is overwritten.

    Returns:
        What was written, in sentences.

    Raises:
        InputError: where the format can't hold the model, `config` is not needed, or `output` can't be written.
        CheckpointError: where the checkpoint can't be read.
    """
    if format == "page":
        return export_page(source, output, config, force)
    if source is None:
        raise InputError("Give either --run_dir or --checkpoint_file.")
    index = output.with_name(f"{output.name}.index")
    if (output.exists() or index.exists()) and not force:
        raise InputError(f"{output}: already exists; give --force to overwrite it.", "exists")
    check_folder(output.parent)
    found = open_checkpoint(source, configs.get_config(config) if config else None)
    if config and found.is_own:
        raise InputError(f"{source}: contains its config; leave out --config.")
    if format == "onnx":
        return _write_onnx(output, found)
    if format == "hub":
        return _write_hub_folder(output, found, float16)
    why_not = families.of(found.config).why_not_exported
    if format != "safetensors" and why_not:
        raise InputError(
            f"{found.config.name} {why_not}; only --format=safetensors can hold it.", "bad_format"
        )
    try:
        if format in ("tf1", "magenta"):
            magenta_tf1.write(output, found.weights, found.step)
            return f"Wrote {output}.index and .data, step {found.step}."
        if format == "magenta_js":
            return _write_magenta_js(output, found, quantization)
        return _write_safetensors(output, found, float16)
    except OSError as error:
        raise InputError(f"{output}: can't be written ({error.strerror}).", "unwritable") from error


def _write_onnx(output: Path, found: OpenedCheckpoint) -> str:
    from models.formats import onnx_meanings

    if why_not := onnx_meanings.why_not(found.config):
        raise InputError(f"{found.config.name} {why_not}, which --format=onnx can't hold.", "bad_format")
    # Here, because onnx is an extra.
    from models.formats import onnx_export

    sizes = onnx_export.write(output, found.config, found.weights, families.default_temperature(found.config))
    return f"Wrote the folder {output} ({sum(sizes.values()) / 2**20:.1f} MiB): {', '.join(sizes)}."


def _write_hub_folder(output: Path, found: OpenedCheckpoint, float16: bool) -> str:
    files = hub_card.files_of(found, float16)
    pictures = {name for name in files if name.endswith(".png")}
    write_folder(output, files, {*hub_card.REPLACEABLE, *pictures})
    size = sum(map(len, files.values())) / 2**20
    report = f"Wrote the folder {output} ({size:.1f} MiB): {', '.join(sorted(files))}."
    if not hub_card.says_licence(files[hub_card.CARD]):
        report += "\nREADME.md does not name a licence; add one (license: ...) before you share the model."
    return f"{report}\nTo upload it: hf upload OWNER/NAME {output}"


def _write_magenta_js(output: Path, found: OpenedCheckpoint, quantization: str | None) -> str:
    encodes = magenta_js.write(output, found.weights, found.config, quantization)
    size = sum(path.stat().st_size for path in output.iterdir())
    report = f"Wrote the folder {output} ({size / 2**20:.1f} MiB), step {found.step}."
    if encodes:
        return report
    return f"{report}\nmagenta.js can sample and decode with it, but can't run an encoder of its kind."


def _write_safetensors(output: Path, found: OpenedCheckpoint, float16: bool) -> str:
    weights = found.weights
    if float16:
        weights = {name: array.astype("float16") for name, array in weights.items()}
    ours.save(output, ours.Checkpoint(weights, found.config.to_json(), found.step, notes=found.notes))
    return f"Wrote {output} ({output.stat().st_size / 2**20:.1f} MiB), step {found.step}."
