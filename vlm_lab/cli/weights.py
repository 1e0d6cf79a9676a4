"""Where every candidate's weights are, and bringing them here.

vlm-lab weights                          each candidate: here or not, how large, which commit,
                                         does it fit
vlm-lab weights fetch NAME [NAME ...]    download into cache/hub what is not there yet
vlm-lab weights fetch NAME --plan        only names, sizes and total: for carrying them over by disk

HF_ENDPOINT names a mirror of the hub, HF_TOKEN opens gated models. Nothing else of this project
downloads by itself.
"""

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vlm_lab.backends import Backend, resolve_backend
from vlm_lab.backends.transformers import hub, weights
from vlm_lab.backends.transformers.adapters import find_adapter_damage, make_holder, require_adapter
from vlm_lab.backends.transformers.quantization import SHARE_OF_WEIGHTS
from vlm_lab.commands import format_command, locate_in_project
from vlm_lab.config.models_file import load_candidates
from vlm_lab.config.strict_yaml import format_suggestion
from vlm_lab.errors import Skip, UserError
from vlm_lab.messages import in_english
from vlm_lab.report.formatting import WHOLE_LINES, format_table, get_terminal_width
from vlm_lab.sanitize import terminal_safe
from vlm_lab.types import Model

LICENCE_PATTERN = re.compile(r"""^(license|license_name): *["']?([^\s"']+)""", re.MULTILINE)
HEADINGS = ("model", "weights", "size", "commit", "licence", "fits (estimate)", "where")
HEAD_BYTES = 2000  # enough to see the first tensors of a safetensors file
MEMORY_OVERHEAD = 1.2  # of the weights: activations, CUDA's own, fragments
# key-value cache and vision activations: 0.05 GB (Qwen2-VL-2B) to 0.4 GB (LLaVA 1.6) for an A4 page
BYTES_PER_PAGE = 0.4e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_models_file(parser, locate_in_project("models.yaml"))
    parser.add_argument(
        "--pages", type=int, default=4, metavar="N", help="pages of one document, for `fits`"
    )
    fetch_parser = parser.add_subparsers(dest="action", metavar="").add_parser(
        "fetch", help="bring weights here"
    )
    fetch_parser.add_argument("names", nargs="+", metavar="NAME")
    fetch_parser.add_argument("--plan", action="store_true", help="only say what would be fetched")
    # A default here would undo what stands before `fetch`.
    add_models_file(fetch_parser, argparse.SUPPRESS)


def add_models_file(parser: argparse.ArgumentParser, default: Any) -> None:
    """The candidates; cache/ lies beside that file."""
    parser.add_argument(
        "--models-file", type=Path, default=default, metavar="PATH", help="default: models.yaml"
    )


def main(args: argparse.Namespace) -> int:
    models = load_candidates([args.models_file]).models
    cache = args.models_file.absolute().parent / "cache"
    if args.action == "fetch":
        for name in args.names:
            lines = fetch_weights(select_model(models, name), cache, args.plan)
            print("\n".join(lines), flush=True)
        return 0
    gpus = list_gpus()
    rows = [format_row(model, cache, gpus, args.pages) for model in models]
    print("\n".join(format_rows(rows)))
    print(
        f"\nfits: {MEMORY_OVERHEAD} x weights + {BYTES_PER_PAGE / 1e9} GB "
        f"for each of {args.pages} pages,\non {_format_gpus(gpus)}"
    )
    return 0


def select_model(models: Sequence[Model], name: str) -> Model:
    """The candidate of that name. UserError suggests one."""
    for model in models:
        if model.name == name:
            return model
    suggestion = format_suggestion(name, [model.name for model in models])
    raise UserError(f"no model {name!r} in models.yaml{suggestion}")


def fetch_weights(model: Model, cache: Path, plan_only: bool) -> Iterator[str]:
    """Brings one model here; what to tell about it."""
    if not find_backend(model).needs_weights(model):
        raise UserError(f"{model.name}: backend {model.backend} needs no weights")
    adapter = make_holder(model) if model.adapter else None
    sources = [source for source in (model, adapter) if source and not is_folder(source, cache)]
    if not sources:
        raise UserError(
            f"{model.name}: model_id is a folder, {model.model_id}: there is nothing to fetch"
        )
    for source in sources:
        download_plan = hub.plan_fetch(source)
        licence = terminal_safe(download_plan.licence or "not given")
        yield f"{model.name}: {source.model_id} at {download_plan.commit}, licence {licence}"
        if plan_only:
            yield from format_plan(download_plan, cache)
        elif source is adapter:
            yield f"  complete in {fetch_adapter(source, download_plan, cache)}"
        else:
            checkpoint = hub.fetch_checkpoint(model, download_plan, cache)
            yield from format_fetched(model, checkpoint)


def is_folder(model: Model, cache: Path) -> bool:
    """Whether `model_id` names a place on this machine, so that there is nothing to fetch."""
    return weights.is_local_path(model.model_id) or bool(weights.find_local_folder(model, cache))


def format_plan(download_plan: hub.FetchPlan, cache: Path) -> Iterator[str]:
    """What would be fetched, a line a file."""
    for name, size in download_plan.files:
        yield f"  {format_gigabytes(size):>9}  {terminal_safe(name)}"
    yield (
        f"  {format_gigabytes(download_plan.total_bytes):>9}  "
        f"in {len(download_plan.files)} files; they go into {cache / 'hub'}"
    )


def fetch_adapter(holder: Model, download_plan: hub.FetchPlan, cache: Path) -> Path:
    """Where the adapter lies now. UserError where it did not come whole."""
    hub.download(holder, download_plan, cache)
    folder, _ = next(weights.find_checkpoint_folders(holder, cache))
    if damage := "; ".join(map(in_english, find_adapter_damage(folder))):
        raise UserError(f"{holder.name}: {holder.model_id} did not come whole: {damage}")
    return folder


def format_fetched(model: Model, checkpoint: weights.Weights) -> Iterator[str]:
    """Where a model's weights lie now, and the commit to pin."""
    yield f"  complete in {checkpoint.folder}"
    if model.revision != checkpoint.revision:
        yield (
            "  pin it in models.yaml, so that every run uses the same:    "
            f"revision: {checkpoint.revision}"
        )


def format_row(
    model: Model, cache: Path, gpus: Sequence[tuple[str, float]], pages: int
) -> tuple[str, ...]:
    """One candidate's line. What is not known is a dash."""
    backend = find_backend(model)
    if not backend.needs_weights(model):
        address = terminal_safe(backend.server_address(model) or "-")
        return model.name, "none needed", "-", "-", "-", "-", address
    checkpoint = weights.find_checkpoint(model, cache)
    if checkpoint is None:
        command = format_command("weights", "fetch", model.name)
        return model.name, "not here", "-", f"({model.revision})", "-", "-", command
    files = [path for path in checkpoint.folder.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    fit = "-"
    if checkpoint.is_complete:
        fit = format_fit(estimate_loaded_bytes(model, files, cache), pages, gpus)
    commit = checkpoint.revision[:12] if checkpoint.revision else "-"
    return (
        model.name,
        checkpoint.state,
        format_gigabytes(size),
        commit,
        read_licence(checkpoint.folder),
        fit,
        terminal_safe(str(checkpoint.folder)),
    )


def find_backend(model: Model) -> type[Backend]:
    """Its class. Code of one's own is not run to list it, and counts as the base class; so does a
    name that nobody knows, of which a run says so."""
    if model.has_own_backend:
        return Backend
    try:
        return resolve_backend(model.backend)
    except UserError:
        return Backend


def estimate_loaded_bytes(model: Model, files: Sequence[Path], cache: Path) -> float:
    """Bytes that the weights take on a GPU, with fewer bits where `quantization` says so, and with
    their adapter."""
    share = SHARE_OF_WEIGHTS.get(model.quantization or "", 1.0)
    weights_bytes = sum(map(estimate_gpu_bytes, files)) * share
    with suppress(Skip):  # an adapter that is not here: a run says so
        if adapter := require_adapter(model, cache):
            weights_bytes += adapter.byte_count
    return weights_bytes


def estimate_gpu_bytes(path: Path) -> float:
    """Bytes that a file of weights takes on a GPU: float32 is halved there; 0 for other files."""
    if path.suffix == ".bin":
        return path.stat().st_size
    if path.suffix != ".safetensors":
        return 0
    with path.open("rb") as file:
        # The length of the JSON that follows, then that JSON: a tensor's dtype a time.
        head = file.read(8 + HEAD_BYTES)
    return path.stat().st_size * (0.5 if b'"dtype":"F32"' in head else 1)


def format_fit(weights_bytes: float, pages: int, gpus: Sequence[tuple[str, float]]) -> str:
    """Whether `weights_bytes` and some pages fit into the largest GPU."""
    needed_bytes = weights_bytes * MEMORY_OVERHEAD + pages * BYTES_PER_PAGE
    if not gpus:
        return f"needs {format_gigabytes(needed_bytes)}"
    largest_bytes = max(size for _, size in gpus)
    verdict = "yes" if needed_bytes <= largest_bytes else "no"
    return f"{verdict}, needs {format_gigabytes(needed_bytes)}"


def list_gpus() -> list[tuple[str, float]]:
    """(name, bytes) of the NVIDIA GPUs that the driver's tool lists; [] without that tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        columns = [line.rpartition(",") for line in process.stdout.splitlines() if line.strip()]
        return [(name.strip(), float(mebibytes) * 2**20) for name, _, mebibytes in columns]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def read_licence(folder: Path) -> str:
    """What the model card's head says; a dash where there is no card or it says nothing."""
    try:
        head = (folder / "README.md").read_text("utf-8", "replace")[:20_000].split("---\n")[1]
    except (OSError, IndexError):
        return "-"
    card_values = dict(LICENCE_PATTERN.findall(head))
    return terminal_safe(card_values.get("license_name") or card_values.get("license") or "-")[:30]


def format_rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in which the last column, a place or a command, has lines of its own where a terminal
    is too narrow for it."""
    width = get_terminal_width(WHOLE_LINES)
    lines = format_table(HEADINGS, rows)
    if max(map(len, lines)) <= width:
        yield from lines
        return
    cells = [row[:-1] for row in rows]
    table = iter(format_table(HEADINGS[:-1], cells))
    yield next(table)
    for line, row in zip(table, rows, strict=False):
        yield line
        yield f"    {row[-1]}"


def format_gigabytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e7 else f"{size / 1e6:.2f} MB"


def _format_gpus(gpus: Sequence[tuple[str, float]]) -> str:
    if not gpus:
        return "no GPU (nvidia-smi lists none)"
    return ", ".join(f"{terminal_safe(name)} ({format_gigabytes(size)})" for name, size in gpus)
