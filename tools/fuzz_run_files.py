"""What a run leaves, and what is asked of it, made odd: files of somebody else's results, values of
`--sweep`, requests to the corrections page. `fuzz_inputs` calls each kind with a folder and a
generator of random numbers; out comes what it came to.
"""

import argparse
import json
import random
import socket
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from tests.case_records import record
from tests.report import made
from tools.odd_values import change_node, encode, mutate_json, mutate_text
from vlm_lab.config.models_file import load_candidates
from vlm_lab.corrections_page import PageServer
from vlm_lab.corrections_page.documents import collect_documents
from vlm_lab.corrections_page.page import RenderedPage
from vlm_lab.corrections_page.session import CorrectionsSession
from vlm_lab.decision.baseline import build_run_baseline, encode_baseline, load_baseline
from vlm_lab.decision.regression_gate import check_regression
from vlm_lab.decision.run_decisions import decide_run
from vlm_lab.errors import UserError
from vlm_lab.records.looks import Look, add_look, count_looks, list_openings, read_looks
from vlm_lab.records.report_json import read_report, read_report_records
from vlm_lab.records.run_settings import read_settings
from vlm_lab.report.formats import write_format
from vlm_lab.report.redaction import write_redacted_report
from vlm_lab.report.terminal import format_summary_lines
from vlm_lab.report.translation import load_catalogue
from vlm_lab.run.options import Options
from vlm_lab.run.resume import restore_options
from vlm_lab.run.sweep import parse_sweep, sweep_candidates
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.types import Rules

SWEEP_TEXTS = ("dpi=100,150", "max_new_tokens=4,8", "temperature=0,0.5,1e0", "max_pages=1,2")
LOOK: dict[str, Any] = {
    "suite": "invoices",
    "run": "20260102T030405Z",
    "date": "2026-01-02",
    "documents": 3,
    "documents_sha256": "0" * 64,
    "holdout": True,
}
SETTINGS: dict[str, Any] = {
    "started": "2026-01-02T03:04:05+00:00",
    "command": ["run", "-k", "one"],
    "options": {
        "models_files": ["/p/models.yaml"],
        "output_dir": "/p/results",
        "cache": "/p/cache",
        "suite": None,
        "max_pages": 2,
        "prompts": ["default"],
        "sweep": {"setting": "dpi", "values": [100, 150]},
        "sample": 3,
        "seed": 0,
        "project": "/p",
    },
    "suites": ["invoices"],
    "partial": [],
    "first_prompts": {"one": "default"},
    "cases": [["invoices", "one", "default", "inv_0"]],
}
DECISION: dict[str, Any] = {
    "document": "inv_0",
    "path": "gross",
    "verdict": "reference_wrong",
    "right": "1.00",
    "decided_by": "Anna",
    "version": "",
}
SECONDS_TO_ANSWER = 5.0


@cache
def make_report_text() -> str:
    """A sound report, of which each call gets the same."""
    with TemporaryDirectory() as temporary:
        return (made.write_run(Path(temporary)) / "report.json").read_text()


def try_sweep(folder: Path, rng: random.Random) -> str:
    text = mutate_text(rng, rng.choice(SWEEP_TEXTS))
    try:
        sweep = parse_sweep(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"--sweep: {error}") from None
    sweep_candidates(load_candidates([folder / "models.yaml"]), sweep, folder)
    return "read"


def try_looks(folder: Path, rng: random.Random) -> str:
    (folder / "looks.jsonl").write_bytes(
        json.dumps(LOOK).encode() + b"\n" + mutate_json(rng, LOOK) + b"\n"
    )
    looks = add_look(folder, Look("invoices", "new", "2026-01-03", 4, "1" * 64))
    count_looks(folder, looks, looks[-1], ["inv_1"])
    list_openings(looks, "invoices")
    return "read" if len(read_looks(folder)) == 3 else "read past"


def try_settings(folder: Path, rng: random.Random) -> str:
    (folder / "run.json").write_bytes(mutate_json(rng, SETTINGS))
    typed = Options(
        models_files=(folder / "models.yaml",),
        output_dir=folder,
        cache=folder / "cache",
        project=folder,
        resume=folder,
    )
    restore_options(typed, read_settings(folder))
    return "read"


def try_baseline(folder: Path, rng: random.Random) -> str:
    (folder / "report.json").write_text(make_report_text())
    now = build_run_baseline(read_report(folder), read_report_records(folder))
    path = folder / "baseline.json"
    path.write_bytes(mutate_json(rng, json.loads(encode_baseline(now))))
    check_regression(load_baseline(path), now)
    return "read"


def try_report(folder: Path, rng: random.Random) -> str:
    """Somebody else's report, through all that is made of one."""
    (folder / "report.json").write_bytes(_encode_report(rng, json.loads(make_report_text())))
    report = read_report(folder)
    "\n".join(format_summary_lines(report))
    decide_run(report, read_report_records(folder), Rules())
    build_run_baseline(report, read_report_records(folder))
    for form in ("md", "html", "csv"):
        write_format(form, folder)
    write_redacted_report(folder)
    return "read"


def _encode_report(rng: random.Random, report: dict[str, Any]) -> bytes:
    """As it is written: a member a line, a record a line."""
    records = report.pop("records")
    for _ in range(rng.randint(1, 2)):
        change_node(rng, report if rng.random() < 0.8 else records)
    lines = [json.dumps(record) for record in records]
    members = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in report.items()]
    members.insert(min(8, len(members)), '"records": [\n' + ",\n".join(lines) + "\n]")
    text = "{" + ",\n".join(members) + "}\n"
    return encode(rng, mutate_text(rng, text)) if rng.random() < 0.2 else text.encode()


def try_request(folder: Path, rng: random.Random) -> str:
    """One request to the corrections page, as bytes; the page must still be there after it."""
    session = _make_session(folder)
    raised: list[BaseException] = []
    with _WatchedServer(session, RenderedPage(b"page", "default-src 'none'"), raised) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            status = _ask(server, _make_request(rng, server))
            sound_status = _ask(server, _write_request(server, "GET", "", {}, b""))
        finally:
            server.shutdown()
    if raised:
        raise raised[0]
    if sound_status != "200":
        return f"! the page then answered {sound_status or 'nothing'}"
    return f"answered {status}" if status else "not answered"


class _WatchedServer(PageServer):
    """Keeps what a request raised, which is else printed."""

    def __init__(
        self, session: CorrectionsSession, page: RenderedPage, raised: list[BaseException]
    ) -> None:
        super().__init__(session, page)
        self.raised = raised

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error is not None:
            self.raised.append(error)


def _make_session(folder: Path) -> CorrectionsSession:
    documents, _ = load_documents(load_suite(folder))
    answer = record("inv_0", {"gross": "wrong"}, raw_response="{}")
    return CorrectionsSession(
        run="r",
        suite="suite",
        file=folder / "corrections.json",
        documents=collect_documents(documents, [answer], []),
        list_pages=lambda reviewed: [folder / "documents" / "inv_0.png"],
        user="u",
        catalogue=load_catalogue("en"),
    )


def _make_request(rng: random.Random, server: PageServer) -> bytes:
    """A sound request whose path, headers, body or bytes were changed."""
    method = rng.choice(("GET", "POST", "POST", "POST"))
    path = "corrections"
    if method == "GET":
        path = rng.choice(("corrections", "documents/inv_0", "pages/inv_0/1", ""))
    body = json.dumps(DECISION).encode() if method == "POST" else b""
    headers: dict[str, str] = {}
    change = rng.randrange(4)
    if change == 0:
        path = mutate_text(rng, path)[:3000]
    elif change == 1 and body:
        body = mutate_json(rng, DECISION)
    elif change == 2:
        name = rng.choice(("Host", "Origin", "Content-Type", "Content-Length", "Sec-Fetch-Site"))
        headers[name] = mutate_text(rng, "application/json")[:3000]
    content = _write_request(server, method, path, headers, body)
    if change == 3:
        text = content.decode("latin-1")
        content = mutate_text(rng, text).encode("utf-8", "surrogatepass")
    return content


def _write_request(
    server: PageServer, method: str, path: str, changed_headers: dict[str, str], body: bytes
) -> bytes:
    headers = {"Host": server.host}
    if method == "POST":
        headers |= {"Origin": f"http://{server.host}", "Content-Type": "application/json"}
        headers["Content-Length"] = str(len(body))
    headers |= changed_headers
    lines = [f"{method} /{server.token}/{path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + body


def _ask(server: PageServer, content: bytes) -> str:
    """The status of the answer; "" where there was none."""
    with socket.create_connection(("127.0.0.1", server.server_port), SECONDS_TO_ANSWER) as client:
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            answer = client.recv(4096)
        except OSError:  # refused, and closed, before all of it was sent
            return ""
    words = answer.split(b" ", 2)
    return words[1].decode("latin-1") if len(words) > 2 else ""


RUN_KINDS: dict[str, Callable[[Path, random.Random], str]] = {
    "sweep": try_sweep,
    "looks": try_looks,
    "settings": try_settings,
    "baseline": try_baseline,
    "report": try_report,
    "request": try_request,
}
