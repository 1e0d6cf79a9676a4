"""pytest tests/corrections_page/test_server.py: who is refused, and what one decision changes."""

import http.client
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.corrections_page.sessions import make_session, serve
from vlm_lab.corrections_page import PageServer
from vlm_lab.suite import load_documents, load_suite
from vlm_lab.suite.corrections import read_corrections

DECISION: dict[str, Any] = {
    "document": "a",
    "path": "totals.gross",
    "verdict": "reference_wrong",
    "right": "120.00",
    "decided_by": " Anna \n B. ",
    "version": "",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    with serve(make_session(tmp_path / "s")) as running:
        yield running


def request(
    server: PageServer,
    method: str = "POST",
    path: str = "corrections",
    body: Any = DECISION,
    token: str | None = None,
    **changes: str | None,
) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    """Sends what the page sends, but for `changes` of headers (None: without); status, JSON and
    headers of the answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    content = b"" if method == "GET" else content
    headers: dict[str, str | None] = {"Host": server.host}
    if method != "GET":
        headers |= {
            "Origin": f"http://{server.host}",
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
        }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(
        method, f"/{server.token if token is None else token}/{path}", skip_host=True
    )
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    connection.send(content)
    answer = connection.getresponse()
    text = answer.read()
    is_json = answer.getheader("Content-Type") == "application/json"
    return answer.status, json.loads(text) if is_json else {}, dict(answer.getheaders())


def list_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


REFUSED: list[tuple[str, int, dict[str, Any]]] = [
    ("another name that leads here", 421, {"Host": "evil.example:80"}),
    ("no name", 421, {"Host": None}),
    ("localhost, which may be another's", 421, {"Host": "localhost:80"}),
    ("no token", 404, {"token": ""}),
    ("a wrong token", 404, {"token": "x" * 43}),
    ("a token that is no ASCII", 404, {"token": "%D1%91"}),
    ("no origin", 403, {"Origin": None}),
    ("another origin", 403, {"Origin": "https://evil.example"}),
    ("an origin of no site", 403, {"Origin": "null"}),
    ("another port of this machine", 403, {"Origin": "http://127.0.0.1:1"}),
    ("a form", 415, {"Content_Type": "application/x-www-form-urlencoded"}),
    ("text, which needs no preflight", 415, {"Content_Type": "text/plain"}),
    ("no type", 415, {"Content_Type": None}),
    ("another site", 403, {"Sec_Fetch_Site": "cross-site"}),
    ("a subdomain", 403, {"Sec_Fetch_Site": "same-site"}),
    ("no length", 411, {"Content_Length": None}),
    ("a length that is none", 411, {"Content_Length": "-1"}),
    ("too long", 413, {"Content_Length": "1000001"}),
    ("no JSON", 400, {"body": b"{"}),
    ("nested without end", 400, {"body": b"[" * 100_000}),
    ("no object", 400, {"body": [DECISION]}),
    ("a number that JSON has not", 400, {"body": b'{"right": NaN}'}),
    ("an unknown key", 400, {"body": {**DECISION, "file": "/etc/passwd"}}),
    ("no version", 400, {"body": {**DECISION, "version": None}}),
    ("an older version", 409, {"body": {**DECISION, "version": "0" * 64}}),
    ("an unknown document", 404, {"body": {**DECISION, "document": "../a"}}),
    ("an unknown value", 404, {"body": {**DECISION, "path": "totals"}}),
    ("an unknown verdict", 400, {"body": {**DECISION, "verdict": "right"}}),
    ("a verdict that is no text", 400, {"body": {**DECISION, "verdict": ["both"]}}),
    ("a wrong reference without the right value", 400, {"body": {**DECISION, "right": ""}}),
    ("an object as a value", 400, {"body": {**DECISION, "right": {"a": 1}}}),
    ("another place", 404, {"path": "documents/a"}),
    ("a place outside", 404, {"path": "../../etc/passwd"}),
    ("another method", 501, {"method": "PUT"}),
]


@pytest.mark.parametrize(
    ("status", "changes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_who_is_refused_changes_nothing(
    server: PageServer, tmp_path: Path, status: int, changes: dict[str, Any]
) -> None:
    before = list_files(tmp_path)
    assert request(server, **changes)[0] == status
    assert list_files(tmp_path) == before
    assert request(server)[0] == 200, "the same as the page sends it"


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (421, {"Host": "evil.example"}),
        (404, {"token": "x"}),
        (403, {"Origin": "https://evil.example"}),
        (403, {"Sec_Fetch_Site": "cross-site"}),
        (404, {"path": "documents/../b"}),
        (404, {"path": "documents/"}),
        (404, {"path": "pages/a/0"}),
        (404, {"path": "pages/a/3"}),
        (404, {"path": "pages/a/1e1"}),
        (404, {"path": "pages/a/" + "1" * 5000}),
        (404, {"path": "pages/a/../../../../etc/passwd"}),
        (404, {"path": "/etc/passwd"}),
        (404, {"path": "favicon.ico"}),
    ],
)
def test_who_may_not_read(server: PageServer, status: int, changes: dict[str, Any]) -> None:
    given = {"method": "GET", "path": "corrections", **changes}
    assert request(server, **given)[0] == status


def test_it_is_bound_to_this_machine_alone(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    assert len(server.token) >= 43


def test_each_server_has_a_token_of_its_own(server: PageServer, tmp_path: Path) -> None:
    with serve(make_session(tmp_path / "t")) as other:
        assert other.token != server.token


def test_what_is_sent_tells_nobody_else(server: PageServer) -> None:
    status, _, headers = request(server, "GET", "")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    for path, content_type in (("documents/a", "application/json"), ("pages/a/2", "image/jpeg")):
        status, _, headers = request(server, "GET", path)
        assert (status, headers["Content-Type"]) == (200, content_type)


def test_a_decision_is_saved_with_who_and_when_and_scored_by(
    server: PageServer, tmp_path: Path
) -> None:
    before = list_files(tmp_path)
    status, answer, _ = request(server)
    assert status == 200
    path = tmp_path / "s" / "corrections.json"
    (entry,) = json.loads(path.read_text())
    assert answer["entries"] == [entry]
    assert (entry["decided_by"], entry["decided_at"][:2]) == ("Anna B.", "20")
    assert entry["said"] == {"qwen (default)": "120.00", "phi (default)": "120,00"}
    assert entry["why"] == ["2 families say '120.00'"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    new = list_files(tmp_path).keys() - before.keys()
    assert new == {"s/corrections.json", "s/.gitignore"}
    (first, *_), _ = load_documents(load_suite(tmp_path / "s"))
    assert first.reference is not None
    assert first.reference["totals"] == {"gross": "120.00"}


def test_decisions_are_merged_and_what_others_wrote_stays(
    server: PageServer, tmp_path: Path
) -> None:
    path = tmp_path / "s" / "corrections.json"
    written = [{"document": "gone", "path": "x"}, {**DECISION, "version": 1, "comment": "I looked"}]
    path.write_text(json.dumps(written))
    _, seen, _ = request(server, "GET")
    change = {"version": seen["version"], "verdict": "model_wrong", "right": ""}
    status, answer, _ = request(server, body={**DECISION, **change})
    assert status == 200
    change = {"version": answer["version"], "path": "rows[1].name", "right": None}
    status, answer, _ = request(server, body={**DECISION, **change})
    assert status == 200
    entries = json.loads(path.read_text())
    assert [(entry["document"], entry["path"]) for entry in entries] == [
        ("gone", "x"),
        ("a", "totals.gross"),
        ("a", "rows[1].name"),
    ]
    assert (entries[1]["comment"], entries[1]["verdict"]) == ("I looked", "model_wrong")
    assert read_corrections(path).by_document["a"][1].right is None


def test_a_stale_version_gets_what_stands_there_now(server: PageServer, tmp_path: Path) -> None:
    """Two tabs saw the file; the second decides after the first did."""
    assert request(server)[0] == 200
    status, answer, _ = request(server, body={**DECISION, "path": "invoice_number"})
    assert (status, answer["error"]) == (409, "the file was changed since it was read")
    assert [entry["path"] for entry in answer["entries"]] == ["totals.gross"]
    again = {**DECISION, "path": "invoice_number", "version": answer["version"]}
    assert request(server, body=again)[0] == 200


@pytest.mark.parametrize(
    ("path", "left"), [("totals.gross", ["", "model_wrong"]), ("invoice_number", ["model_wrong"])]
)
def test_what_is_taken_back(server: PageServer, tmp_path: Path, path: str, left: list[str]) -> None:
    """A doubtful value is open again; of another one nothing is left."""
    _, answer, _ = request(server, body={**DECISION, "path": path})
    other = {"path": "rows[0].name", "verdict": "model_wrong", "right": ""}
    _, answer, _ = request(server, body={**DECISION, **other, "version": answer["version"]})
    back = {"path": path, "verdict": "", "right": "", "version": answer["version"]}
    assert request(server, body={**DECISION, **back})[0] == 200
    entries = json.loads((tmp_path / "s" / "corrections.json").read_text())
    assert [entry["verdict"] for entry in entries] == left


def test_a_document_without_reference_has_nothing_to_correct(server: PageServer) -> None:
    body = {**DECISION, "document": "c-img", "path": "invoice_number"}
    status, answer, _ = request(server, body=body)
    assert (status, answer["error"]) == (409, "the document has no reference to correct")


def test_a_file_that_is_none_is_told_and_stays(server: PageServer, tmp_path: Path) -> None:
    path = tmp_path / "s" / "corrections.json"
    path.write_text("{")
    status, answer, _ = request(server)
    assert status == 500
    assert "is not readable JSON" in answer["error"]
    assert path.read_text() == "{"
