"""A container that obeys the contract and knows nothing else: what the runner is tested against.

`train` does what its hyperparameters say and writes what it saw to the model; `serve` answers with what it was sent.
Standard library only, so that it starts in no time and proves that the runner needs nothing but the contract.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(os.environ["SAGEMAKER_DATA_PATH"])
MODEL = ROOT / "model"


def train() -> int:
    hyperparameters = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
    resources = json.loads((ROOT / "input/config/resourceconfig.json").read_text())
    channels = json.loads((ROOT / "input/config/inputdataconfig.json").read_text())
    host = resources["current_host"]
    if "deaf" not in hyperparameters:
        signal.signal(signal.SIGTERM, lambda *_: stop(host))
    lines = hyperparameters["lines"].split("|") if "lines" in hyperparameters else []
    for line in lines * int(hyperparameters.get("repeat", "1")):
        print(line, flush=True)
    if "grandchild" in hyperparameters:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=False)
        print("processes", os.getpid(), child.pid, flush=True)
    seen = {name: see(name, channel, int(hyperparameters.get("epochs", "1"))) for name, channel in channels.items()}
    kept = checkpoints(host, hyperparameters.get("checkpoint"))
    if hyperparameters.get("fail_on") == host:
        return int(hyperparameters["exit"])
    time.sleep(float(hyperparameters.get("sleep_s", "0")))
    report = {"host": host, "resources": resources, "channels": channels, "seen": seen, "environment": dict(os.environ)}
    report["checkpoints"] = kept
    if "silent" not in hyperparameters:
        (MODEL / f"seen_{host}.json").write_text(json.dumps(report))
    (MODEL / "name").write_text(hyperparameters.get("name", "stand-in"))
    if "output" in hyperparameters:
        (ROOT / "output/data/notes.txt").write_text(hyperparameters["output"])
    if "failure" in hyperparameters:
        (ROOT / "output/failure").write_text(hyperparameters["failure"].replace("{root}", str(ROOT)))
    return int(hyperparameters.get("exit", "0"))


def checkpoints(host: str, content: str | None) -> dict[str, str]:
    """Digests of the checkpoints that are there; then this host's own is replaced, by way of a hidden file."""
    config = ROOT / "input/config/checkpointconfig.json"
    if not config.exists():
        return {}
    folder = Path(json.loads(config.read_text())["LocalPath"])
    found = {path.name: digest(path) for path in sorted(folder.iterdir())}
    if content:
        (folder / ".partial").write_text(content)
        (folder / ".partial").replace(folder / f"checkpoint_{host}")
        (folder / ".half").write_text("left half written")
    return found


def stop(host: str) -> None:
    (MODEL / f"stopped_{host}").write_text("stopped in time")
    sys.exit(0)


def see(name: str, channel: dict, epochs: int) -> object:
    """Names and digests of a channel's files, or the digests of its passes."""
    if channel["TrainingInputMode"] == "Pipe":
        return [digest(ROOT / f"input/data/{name}_{epoch}") for epoch in range(epochs)]
    folder = ROOT / "input/data" / name
    return {path.relative_to(folder).as_posix(): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart

    def do_GET(self) -> None:
        self.answer(200 if os.environ.get("SICK") != "1" else 500, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os._exit(7)
        print("invocation of", len(body), "bytes", flush=True)
        self.answer(415 if body == b"bad" else 200, b"do not like it" if body == b"bad" else self.reply(body))

    def reply(self, body: bytes) -> bytes:
        return json.dumps(
            {
                "name": (MODEL / "name").read_text(),
                "sha256": hashlib.sha256(body).hexdigest(),
                "accept": self.headers.get("Accept"),
                "type": self.headers.get("Content-Type"),
                "pid": os.getpid(),
            }
        ).encode()

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes[::-1])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def serve() -> int:
    if os.environ.get("CRASH") == "1":
        print("cannot start", flush=True)
        return 3
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "serve": serve}[sys.argv[1]]())
