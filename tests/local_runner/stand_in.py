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
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(os.environ["SAGEMAKER_DATA_PATH"])
MODEL = ROOT / "model"


def train() -> int:
    """Train as the hyperparameters say, and return the exit status."""
    hyperparameters = json.loads((ROOT / "input/config/hyperparameters.json").read_text())
    resources = json.loads((ROOT / "input/config/resourceconfig.json").read_text())
    channels = json.loads((ROOT / "input/config/inputdataconfig.json").read_text())
    host = resources["current_host"]
    if "deaf" not in hyperparameters:
        signal.signal(signal.SIGTERM, lambda *_: stop(host))
    lines = hyperparameters["lines"].split("|") if "lines" in hyperparameters else []
    for line in lines * int(hyperparameters.get("repeat", "1")):
        print(line, flush=True)
    if "kill_itself" in hyperparameters:
        os.kill(os.getpid(), signal.SIGKILL)
    if "x" in hyperparameters:
        learn(hyperparameters)
    if "grandchild" in hyperparameters:
        child = subprocess.Popen(["sleep", "1000"], start_new_session=False)
        print("processes", os.getpid(), child.pid, flush=True)
    seen = {name: see(name, channel, int(hyperparameters.get("epochs", "1"))) for name, channel in channels.items()}
    kept = checkpoints(host, hyperparameters.get("checkpoint"))
    if "tensorboard" in hyperparameters:
        (ROOT / hyperparameters["tensorboard"] / f"events_{host}").write_text("events")
    if hyperparameters.get("fail_on") == host:
        return int(hyperparameters["exit"])
    await_file(hyperparameters.get("until", "").format(**hyperparameters))
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


def await_file(name: str) -> None:
    """Wait until there is a file of this name, if it has one."""
    while name and not Path(name).exists():
        time.sleep(0.01)


def learn(hyperparameters: dict[str, str]) -> None:
    """Print a loss after each pass that falls towards the squared distance of x from 3."""
    for passes in range(1, int(hyperparameters.get("passes", "1")) + 1):
        loss = (float(hyperparameters["x"]) - 3) ** 2 + 1 / passes
        print(f"#quality_metric: host=algo-1, test msd <loss>={loss}", flush=True)
        time.sleep(float(hyperparameters.get("pass_s", "0")))


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
    """End on SIGTERM, and leave a file that shows that the signal came."""
    (MODEL / f"stopped_{host}").write_text("stopped in time")
    sys.exit(0)


def see(name: str, channel: dict, epochs: int) -> object:
    """Names and digests of a channel's files, or the digests of its passes."""
    if channel["TrainingInputMode"] == "Pipe":
        return [digest(ROOT / f"input/data/{name}_{epoch}") for epoch in range(epochs)]
    folder = ROOT / "input/data" / name
    return {path.relative_to(folder).as_posix(): digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def digest(path: Path) -> str:
    """SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def say(line: str) -> None:
    """One write, so that lines of several threads stay apart."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Server(ThreadingHTTPServer):
    """Lets as many connections wait as real containers do; the standard library's five would reset the others."""

    request_queue_size = 2048


class Handler(BaseHTTPRequestHandler):
    """The endpoint: environment variables and bodies say how it behaves."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are written apart
    in_flight = 0
    counting = threading.Lock()
    go = threading.Event()
    models: dict[str, Path] = {}

    def do_GET(self) -> None:
        """/ping and /execution-parameters."""
        if self.path == "/execution-parameters":
            proposed = os.environ.get("EXECUTION_PARAMETERS", "")
            self.answer(200 if proposed else 404, proposed.encode())
        else:
            self.answer(200 if os.environ.get("SICK") != "1" else 500, b"")

    def do_DELETE(self) -> None:
        """Unload a model of a multi-model endpoint."""
        name = self.path.split("/")[2]
        say(f"unloaded {name}")
        self.answer(200 if self.models.pop(name, None) else 404, b"")

    def do_POST(self) -> None:
        """Load a model, or answer an invocation."""
        body = self.body()
        if body == b"die":
            os._exit(7)
        if self.path == "/models":
            self.load(**json.loads(body))
        elif self.path.startswith("/models/") and self.path.split("/")[2] not in self.models:
            self.answer(404, b"not loaded")
        elif body.startswith(b"stream"):
            self.stream(body)
        else:
            self.invoke(body)

    def load(self, model_name: str, url: str) -> None:
        """Load a model, unless as many are loaded as there may be."""
        place = ROOT / Path(url).relative_to("/opt/ml")
        if len(self.models) >= int(os.environ.get("MODELS_AT_ONCE", "9")):
            self.answer(507, b"memory is full")
        elif not (place / "name").is_file():
            self.answer(500, b"cannot load it")
        else:
            say(f"loaded {model_name}")
            self.models[model_name] = place
            self.answer(200, b"{}")

    def stream(self, body: bytes) -> None:
        """One piece, and after somebody else has said go, another, or the end of the connection."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.go.wait(240)
        self.go.clear()
        self.close_connection = b"break" in body
        self.wfile.write(b"" if b"break" in body else b"6\r\nsecond\r\n0\r\n\r\n")

    def invoke(self, body: bytes) -> None:
        """Answer after a pause, or when a file is there, and note in the log how many requests are in flight."""
        if body == b"go":
            self.go.set()
        self.count(1)
        say(f"invocation of {len(body)} bytes")
        await_file(os.environ.get("UNTIL", ""))
        time.sleep(float(os.environ.get("SLEEP_S", "0")))
        self.count(-1)
        if "bad" in body.decode(errors="replace").split("\n"):
            self.answer(415, b"do not like it")
        else:
            self.answer(200, body if os.environ.get("ANSWER") == "echo" else self.reply(body))

    def count(self, change: int) -> None:
        """Count a request in or out."""
        with self.counting:
            Handler.in_flight += change
            if change > 0:
                say(f"in flight: {Handler.in_flight}")

    def body(self) -> bytes:
        """The body of the request, whole or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        say("in chunks")
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def reply(self, body: bytes) -> bytes:
        """A JSON document of what the endpoint has seen, or what `ANSWER` asks for."""
        if os.environ.get("ANSWER") == "append":
            return body + b">" + (MODEL / "name").read_bytes() + b":" + self.headers.get("Accept", "any").encode()
        model = self.models[self.path.split("/")[2]] if self.path.startswith("/models/") else MODEL
        return json.dumps(
            {
                "name": (model / "name").read_text(),
                "sha256": hashlib.sha256(body).hexdigest(),
                "accept": self.headers.get("Accept"),
                "type": self.headers.get("Content-Type"),
                "pid": os.getpid(),
                "inference_id": self.headers.get("X-Amzn-SageMaker-Inference-Id"),
                "environment": {name: value for name, value in os.environ.items() if name.startswith("SAGEMAKER_")},
                "is_local": "WILDSAGE_LOCAL" in os.environ,
            }
        ).encode()

    def answer(self, status: int, body: bytes) -> None:
        """Send an answer of that status."""
        self.send_response(status)
        echoed = self.headers.get("Accept") or self.headers.get("Content-Type")
        self.send_header("Content-Type", (os.environ.get("ANSWER") == "echo" and echoed) or "application/json")
        self.send_header("Content-Length", str(len(body)))
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes[::-1])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def check() -> int:
    """What is called `wrong` is rejected, as a job would reject it."""
    wrong = [given for given in sys.argv[2:] if given.startswith("wrong=")]
    if wrong:
        (ROOT / "output/failure").write_text(f"ClientError: Hyperparameter {wrong[0]} is not known.\nKnown: x.")
    return len(wrong)


def serve() -> int:
    """Serve until a signal comes; status 3 if `CRASH` is set."""
    if os.environ.get("CRASH") == "1":
        print("cannot start", flush=True)
        return 3
    Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit({"train": train, "serve": serve, "check": check}[sys.argv[1]]())
