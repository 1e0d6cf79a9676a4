"""python tools/estimate_scale.py [--documents N ...]: what many documents x one model need, for
docs/scale.md.

Measured here, on this machine: seconds of rendering a page, its bytes, seconds of scoring a reply,
bytes of a record in Parquet, seconds of writing one. Assumed, since nobody can measure it here: how
fast a model answers, and what a GPU costs: give your own. Needs the extra `ray` (pyarrow).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from vlm_lab import parse, score
from vlm_lab.records.parquet_records import build_table, write_table
from vlm_lab.run.record import add_answer, build_base_record
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.pages import Pages
from vlm_lab.types import Case, Document, Generation, Model, Record

SUITE = Path(__file__).parents[1] / "benchmarks" / "invoices"
ROUNDS = 20  # of scoring and writing the same few documents
MODEL = Model(name="any", model_id="any")


def main() -> None:
    args = read_arguments()
    _, documents = load_suite(SUITE), load_documents(load_suite(SUITE))[0]
    labelled = [document for document in documents if document.reference is not None]
    render_seconds, page_bytes, pages = measure_rendering(labelled)
    score_seconds, records = measure_scoring(labelled)
    write_seconds, _ = measure_writing(records)
    # Repeated records would be packed into nothing.
    _, record_bytes = measure_writing(records[: len(labelled)])
    print(f"measured over {len(labelled)} documents, {pages} pages:")
    print(f"  render     {render_seconds * 1000:8.1f} ms a page")
    print(f"  pixels     {page_bytes / 1e6:8.2f} MB a page")
    print(f"  score      {score_seconds * 1000:8.2f} ms a document")
    print(f"  write      {write_seconds:8.2f} s of the driver for 1,000 records")
    print(f"  record     {record_bytes:8.0f} bytes in Parquet")

    page_count = args.documents * args.pages
    cpu_hours = (page_count * render_seconds + args.documents * score_seconds) / 3600
    model_hours = args.documents * args.output_tokens / args.tokens_per_second / 3600
    wall_hours = model_hours / args.gpus
    print(f"\n{args.documents:,} documents of {args.pages:g} pages, {args.gpus} GPUs:")
    print(
        f"  GPU hours  {model_hours:10.1f} = documents x {args.output_tokens} tokens"
        f" / {args.tokens_per_second:g} tokens a second / 3600"
    )
    print(f"  hours      {wall_hours:10.1f} = GPU hours / GPUs")
    print(f"  money      {model_hours * args.gpu_price:10.0f} = GPU hours x {args.gpu_price:g}")
    print(f"  CPU hours  {cpu_hours:10.1f}, {cpu_hours / wall_hours:.1f} processors kept busy")
    moved = page_count * page_bytes / 1e9
    print(
        f"  pixels     {moved:10.0f} GB through Ray's store,"
        f" {moved * 8 / wall_hours / 3600:.2f} Gbit a second"
    )
    print(f"  records    {args.documents * record_bytes / 1e9:10.1f} GB")
    driver_hours = args.documents / 1000 * write_seconds / 3600
    print(f"  driver     {driver_hours:10.2f} hours of writing")
    print(f"  driver is the limit from {wall_hours / driver_hours * args.gpus:,.0f} GPUs on")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--pages", type=float, default=1.0, help="of a document (assumed)")
    parser.add_argument("--output-tokens", type=int, default=400, help="of a reply (assumed)")
    parser.add_argument(
        "--tokens-per-second",
        type=float,
        default=1000.0,
        help="output tokens of one GPU, prompts included (assumed: measure yours, offline)",
    )
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--gpu-price", type=float, default=2.5, help="of an hour (assumed)")
    return parser.parse_args()


def measure_rendering(documents: list[Document]) -> tuple[float, float, int]:
    """Seconds and bytes of a page, and how many there were."""
    Pages(documents[0].path, 1, 72).render_pages()  # starts the process
    started, byte_count, page_count = time.perf_counter(), 0, 0
    for document in documents:
        suite = document.suite
        for page in Pages(document.path, suite.max_pages, suite.dpi).render_pages():
            byte_count += page.image.width * page.image.height * 3
            page_count += 1
    seconds = time.perf_counter() - started
    return seconds / page_count, byte_count / page_count, page_count


def measure_scoring(documents: list[Document]) -> tuple[float, list[Record]]:
    """Seconds of a document, and the records that came of it."""
    records = []
    seconds = 0.0
    for document in documents * ROUNDS:
        case = Case(MODEL, "default", "", document)
        base = build_base_record(case, "ok")
        text = json.dumps(document.reference)
        started = time.perf_counter()
        reply = Generation(raw_response=text, finish_reason="stop", fields=document.suite.fields)
        prediction = parse(reply)
        record = add_answer(base, document.suite, reply, prediction, score(prediction, document))
        seconds += time.perf_counter() - started
        records.append(record)
    return seconds / len(records), records


def measure_writing(records: list[Record]) -> tuple[float, float]:
    """Seconds of this process for a thousand records, and bytes of one."""
    table = build_table(records)  # is made by the tasks
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        path = write_table(Path(folder), table)
        seconds = time.perf_counter() - started
        return seconds / len(records) * 1000, path.stat().st_size / len(records)


if __name__ == "__main__":
    main()
