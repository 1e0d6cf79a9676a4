"""An engine that a run starts: `python stand_in_engine.py MODEL_ID PORT [BEHAVIOUR]`.

It asks for the key in VLLM_API_KEY, as vLLM does, has a child as engines have, and prints to its
log what a real one might: its environment's key among it. Standard library alone.
"""

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = os.environ.get("VLLM_API_KEY", "")
ANSWER = json.dumps({"invoice_number": "1"})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            is_loading = time.monotonic() < READY_TIME
            return self.answer(503 if is_loading else 200, {})
        if self.path == "/v1/models" and self.is_allowed():
            return self.answer(200, {"data": [{"id": MODEL_ID}]})
        self.answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_allowed():
            return self.answer(401, {"error": {"message": "no key"}})
        if BEHAVIOUR == "dies at requests":
            print("the engine's last words", flush=True)
            os._exit(7)
        if BEHAVIOUR == "fails at requests":
            print(f"Traceback: no more room; key {KEY}", flush=True)
            return self.answer(500, {"error": {"message": f"internal error, key {KEY}"}})
        with Path("asked.jsonl").open("a") as asked:
            asked.write(json.dumps({**body, "messages": None}) + "\n")
        choice = {"message": {"content": ANSWER}, "finish_reason": "stop"}
        self.answer(200, {"model": body["model"], "choices": [choice]})

    def is_allowed(self) -> bool:
        return bool(KEY) and self.headers.get("Authorization") == f"Bearer {KEY}"

    def answer(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """One line a start is enough."""


if __name__ == "__main__":
    MODEL_ID, PORT, BEHAVIOUR = sys.argv[1], int(sys.argv[2]), (*sys.argv[3:], "")[0]
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    facts = {
        "pids": [os.getpid(), child.pid],
        "command": sys.argv,
        "folder": os.getcwd(),
        "variables": dict(os.environ),
    }
    with Path("engines.jsonl").open("a") as file:
        file.write(json.dumps(facts) + "\n")
    print(f"loading {MODEL_ID}; key {KEY}", flush=True)
    if BEHAVIOUR == "dies at start":
        sys.exit("ValueError: no room for the cache; give it less")
    if BEHAVIOUR == "dies after a traceback":
        print("(core pid=7) ERROR [core.py:9] ValueError: 9 tokens do not fit")
        print("  and what stands below it\n" + "(server) Traceback\n" * 200)
        sys.exit("RuntimeError: Engine failed. See root cause above.")
    if BEHAVIOUR == "is never ready":
        time.sleep(600)
    READY_TIME = time.monotonic() + 0.5
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
