"""A document takes the suite about as long as a loop written by hand takes for it."""

import json
import os
import platform
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText

from tests import checkpoints
from tools import bench_speed, bench_throughput
from tools.bench_throughput import BATCH, LOOP, OFFLINE, SINGLE, Outcome

LIMIT = 1.5  # wide: other work on the machine must not fail it


def build_timeline(seconds: float) -> bench_speed.Timeline:
    """Eight answers, so many seconds apart, the first after two; three seconds to the end."""
    answer_times = [2 + seconds * number for number in range(8)]
    return bench_speed.Timeline(answer_times, answer_times[-1] + 3, 1.0, ())


def test_a_ratio_is_the_median_over_the_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [
        {"loop": build_timeline(1), "batch": build_timeline(0.5), "suite": build_timeline(seconds)}
        for seconds in (1, 9, 2)
    ]
    assert bench_speed.print_measures(rounds) == pytest.approx(2)
    rows = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    document = "seconds a document 1.000 0.500 2.000 2.00 (1.00-9.00) 4.00 (2.00-18.00)"
    end = "end after last answer 3.000 3.000 3.000 1.00 (1.00-1.00) 1.00 (1.00-1.00)"
    assert {document, end} <= rows


def test_every_other_round_runs_the_other_way(tmp_path: Path) -> None:
    ran = []

    class Recorder(bench_speed.Bench):
        def run_loop(self, batch_size: int = 1, count: int | None = None) -> bench_speed.Timeline:
            ran.append(f"loop {batch_size}")
            return build_timeline(1)

        def run_suite(self) -> bench_speed.Timeline:
            self.make_output_folder()
            ran.append("suite")
            return build_timeline(2)

    bench = Recorder(tmp_path / "project", tmp_path, 9, 1)
    rounds = [bench.run_round(with_batch=True) for _ in range(3)]
    assert ran == ["loop 1", "loop 8", "suite", "suite", "loop 8", "loop 1", *ran[:3]]
    assert all(list(each) == ["loop", "batch", "suite"] for each in rounds)


def test_seconds_a_document_count_no_document_of_the_first_batch() -> None:
    batches = [2.0] * 8 + [10.0] * 8
    assert bench_speed.Timeline(batches, 11, 1.0, ()).document == 1


def test_growth_is_by_process_and_a_page_in_hand_is_none() -> None:
    answer_times = [float(number) for number in range(1, 121)]
    memory = [
        (when / 2, {bench_speed.OWN: 50_000_000, 7: 9_000_000 + 6_000_000 * (when % 3 == 0)})
        for when in range(280)
    ]
    memory += [(when, {**sizes, 8: 2_000_000}) for when, sizes in memory if when > 100]
    timeline = bench_speed.Timeline(answer_times, 130.0, 1.0, memory)
    assert timeline.measure_growth() == {bench_speed.OWN: 0, 7: 0, 8: 2}


def test_a_process_that_was_replaced_is_no_growth() -> None:
    answer_times = [float(number) for number in range(1, 121)]
    memory = [(when, {7 if when < 80 else 8: 9_000_000}) for when in range(121)]
    timeline = bench_speed.Timeline(answer_times, 130.0, 1.0, memory)
    assert timeline.measure_growth() == {7: -9, 8: 9}


def test_the_short_form_asks_for_less_and_takes_what_is_typed() -> None:
    short, typed = (
        bench_speed.read_options(arguments)
        for arguments in (["--short"], ["--short", "--tokens=9"])
    )
    assert (short.tokens, short.documents, short.rounds, short.memory_documents) == (32, 12, 3, 0)
    assert (typed.tokens, typed.documents, typed.limit) == (9, 12, 1.5)


def test_an_answer_counts_when_its_batch_is_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "tiny"
    folder.mkdir(parents=True)
    for name, written, end in (("a", 10, 2.5), ("b", 11, 2.5), ("c", 20, 5.0), ("d", 13, None)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps({"batch": {"end": end} if end else None}))
        os.utime(path, (written, written))
    assert bench_throughput.read_batch_times(tmp_path, "tiny") == [11, 11, 13, 20]


def test_the_table_counts_from_the_first_way(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = {LOOP: 1.0, BATCH: 0.5, SINGLE: 1.1, OFFLINE: 0.25}
    replies = {LOOP: "x", BATCH: "y", SINGLE: "x", OFFLINE: "x"}
    outcomes = {
        way: Outcome(build_timeline(each), {"d": replies[way]}, 0.9 if way == OFFLINE else None)
        for way, each in seconds.items()
    }
    assert bench_throughput.print_table([outcomes]) == pytest.approx(0.25)
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert rows[2] == "batch of 8 0.5000 0.50 2.00 8.5 1.0 - 1"
    assert rows[4] == "offline 0.2500 0.25 4.00 6.8 1.0 90% 0"


def test_the_checkpoint_that_is_drawn_answers(tmp_path: Path) -> None:
    """Its numbers are larger than those of other tests' checkpoints, and must fit each other."""
    bench_speed.draw_checkpoint(tmp_path / "tiny")
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "tiny")
    assert 10e6 < model.num_parameters() < 30e6
    assert model(input_ids=torch.tensor([[5, 6, 7]])).logits.shape[1] == 3


@pytest.mark.soak  # six processes, one after the other
def test_a_document_costs_little_more_than_in_a_loop(tmp_path: Path) -> None:
    checkpoint = checkpoints.build("qwen2_vl", tmp_path / "checkpoint")
    assert bench_speed.main(["--short", "--model", str(checkpoint), "--limit", str(LIMIT)]) == 0


@pytest.mark.soak  # 75 s
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap is another one")
def test_memory_does_not_grow_with_the_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    bench_speed.draw_checkpoint(tmp_path / "checkpoint")
    folder, checkpoint = tmp_path / "project", tmp_path / "checkpoint"
    bench = bench_speed.Bench(folder, checkpoint, tokens=32, count=200, watches_memory=True)
    output = bench.make_output_folder()
    timeline = bench.ask_suite(output, lambda: bench_speed.read_record_times(output))
    growth = timeline.measure_growth()
    assert sum(growth.values()) < 1, growth
