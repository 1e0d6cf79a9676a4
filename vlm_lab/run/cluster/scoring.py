"""Items with replies -> rows of records, by tasks on all machines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from vlm_lab.parsing import parse
from vlm_lab.records.parquet_records import build_table
from vlm_lab.run.cluster.items import Batch, Item, Job, unpack_items
from vlm_lab.run.cluster.workers import get_worker
from vlm_lab.run.record import add_answer
from vlm_lab.scoring import score
from vlm_lab.types import Record


def score_replies(batch: Batch, job: Job) -> Any:
    """Items -> rows of records, as the run's files have them."""
    get_worker(job)
    return build_table([build_record(job, item) for item in unpack_items(batch)])


def build_record(job: Job, item: Item) -> Record:
    """What is written of one document."""
    if item.generation is None:
        return item.base
    document = item.document.build_document(job.suite, Path(item.document.location))
    document = replace(document, not_shown=item.not_shown)
    try:
        generation = replace(item.generation, fields=job.suite.fields)
        prediction = parse(generation)
        base = replace(item.base, **item.page_fields)
        record = add_answer(base, job.suite, generation, prediction, score(prediction, document))
        return replace(record, notes=(*item.base.notes, *record.notes))
    except Exception as error:
        return item.fail(error).base
