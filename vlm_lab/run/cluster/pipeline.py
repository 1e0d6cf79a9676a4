"""A job and its documents -> rows of records, block by block, from all machines of a Ray cluster.

read (this machine) -> render (tasks) -> ask (actors) -> score (tasks) -> here

Ray spreads tasks over all machines, starts a lost machine's tasks and actors elsewhere, and hands
each block over once, in the order of the documents. A block has at most the documents that an actor
is asked at once, so that a run of a hundred small documents is shared out, too. Images go from
machine to machine inside Ray's store, never through this process.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vlm_lab.commands import format_install_command
from vlm_lab.errors import UserError
from vlm_lab.run.cluster.documents import GROUP_ROWS, count_groups, read_group
from vlm_lab.run.cluster.items import Job
from vlm_lab.run.cluster.model_actor import ModelActor
from vlm_lab.run.cluster.rendering import render_documents
from vlm_lab.run.cluster.scoring import score_replies
from vlm_lab.types import Model

LOOPBACK = "127.0.0.1"
# One processor of a machine is enough for a model's actor beside a task, so that neither waits for
# the other without an end. Ray Data would run tasks that take as much as the actors inside them.
TASK_CPUS, ACTOR_CPUS = 0.5, 0.4
ASKED_TOGETHER = 32  # documents that an actor gets at once, and that one task renders
BLOCK_BYTES = 64 * 2**20  # of pages that wait for a model as one block
LOCAL_STORE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """How a cluster is reached and shared out; None where its own resources say it."""

    address: str | None = None
    replicas: int | None = None
    gpus: float | None = None


def import_ray() -> Any:
    """Ray with its part for data. UserError where the extra `ray` is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise UserError(
            f"--engine ray: Ray is not installed here: {format_install_command('ray')}"
        ) from None
    return ray


@contextmanager
def connect(options: ClusterOptions) -> Iterator[Any]:
    """Ray, connected to the cluster at an address, or to one of this machine alone that listens
    on loopback and ends with the run. UserError where there is none."""
    ray = import_ray()
    was_connected = ray.is_initialized()
    if not was_connected:
        _begin(ray, options.address)
    try:
        _configure(ray)
        yield ray
    finally:
        if not was_connected:
            ray.shutdown()


def _begin(ray: Any, address: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": True}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(
                address="local",
                include_dashboard=False,
                _node_ip_address=LOOPBACK,
                object_store_memory=LOCAL_STORE_BYTES,
                **quiet,
            )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        (reason, *_) = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"--ray-address {address or 'local'}: no Ray cluster ({reason})") from None


def _configure(ray: Any) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK_BYTES


def stream_records(ray: Any, job: Job, plan: Path, options: ClusterOptions) -> Iterator[Any]:
    """Tables of records, in the order of the documents, as they are done."""
    gpus = _choose_gpus(ray, job.builder.model, options)
    documents = ray.data.read_datasource(
        _make_source(ray, plan),
        override_num_blocks=max(1, count_groups(plan)) * (GROUP_ROWS // ASKED_TOGETHER),
        num_cpus=0,
        # Where nothing else bounds them, Ray begins all of these tasks at once, each a process.
        concurrency=1,
        label_selector=_select_this_machine(ray),
    )
    rendered = documents.map_batches(
        render_documents,
        fn_kwargs={"job": job},
        batch_size=None,
        num_cpus=TASK_CPUS,
    )
    asked = rendered.map_batches(
        ModelActor,
        fn_constructor_kwargs={"job": job},
        batch_size=ASKED_TOGETHER,
        compute=_choose_pool(ray, options, gpus),
        num_cpus=ACTOR_CPUS,
        num_gpus=gpus,
    )
    scored = asked.map_batches(
        score_replies,
        fn_kwargs={"job": job},
        batch_size=None,
        num_cpus=TASK_CPUS,
    )
    yield from scored.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


def _choose_gpus(ray: Any, model: Model, options: ClusterOptions) -> float:
    """How many GPUs each actor of a model has: what was typed, else one where the cluster has any
    and the model is loaded by the actor, or served from it."""
    if options.gpus is not None:
        return options.gpus
    is_loaded = model.backend == "transformers" or model.has_own_backend or bool(model.serve)
    return 1 if is_loaded and ray.cluster_resources().get("GPU", 0) >= 1 else 0


def _choose_pool(ray: Any, options: ClusterOptions, gpus: float) -> Any:
    """As many actors as there are machines, or shares of GPUs, from the beginning, since Ray Data
    is slow to start more; fewer where machines are lost."""
    resources = ray.cluster_resources()
    alive = sum(node["Alive"] for node in ray.nodes())
    room = int(resources.get("GPU", 0) // gpus) if gpus else alive
    most = options.replicas or max(1, room)
    return ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most)


def _select_this_machine(ray: Any) -> dict[str, str]:
    """The plan lies here alone."""
    return {"ray.io/node-id": ray.get_runtime_context().get_node_id()}


def _make_source(ray: Any, plan: Path) -> Any:
    """The plan as a source of Ray Data: a task a group of rows."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class PlanSource(Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            return [
                ReadTask(
                    partial(_read_groups, plan, number),
                    BlockMetadata(GROUP_ROWS, None, None, input_files=None),
                )
                for number in range(count_groups(plan))
            ]

    return PlanSource()


def _read_groups(plan: Path, number: int) -> list[Any]:
    return [read_group(plan, number)]
