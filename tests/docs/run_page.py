"""Runs the snippets of a page: `python run_page.py PYTHON`, with the snippets as JSON on standard input, in the working folder.

All Python blocks run in one interpreter, `PYTHON`. The blocks share one local AWS, which is started if one of them needs it and
none starts it. The exit status is that of the first block that fails.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

NEEDS_AWS = re.compile(r"boto3|sagemaker|s3fs|s3://|\baws ")
STARTS_AWS = re.compile(r"^wildsage up -d(?!.*wildsage down)", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
INTERPRETER = """
import os, sys
namespace = {"__name__": "__main__"}
for line in sys.stdin:
    place, _, path = line.strip().rpartition(" ")
    with open(path) as file:
        exec(compile(file.read(), place, "exec"), namespace)
    sys.stdout.flush()
    os.write(int(sys.argv[1]), b".")
"""


class Page:
    """What the blocks of a page have in common: an interpreter, servers in the background, and the variables for clients."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._interpreter: subprocess.Popen[str] | None = None
        self._servers: list[subprocess.Popen[str]] = []
        self._done, self._tell = os.pipe()

    def run(self, snippet: dict[str, str]) -> None:
        """Run a block. Raises CalledProcessError or SystemExit if it fails."""
        print(f"--- {snippet['action']}, line {snippet['line']}", flush=True)
        if snippet["action"] == "file":
            path = Path(snippet["file"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(snippet["code"])
            return
        {"python": self._run_python, "sh": self._run_shell, "background": self._serve}[snippet["action"]](snippet)
        if STARTS_AWS.search(snippet["code"]):
            self._take_variables()

    def provide_aws(self) -> None:
        """Start the local AWS, and point all blocks to it."""
        self._take_variables("wildsage up -d")

    def _take_variables(self, command: str = "wildsage up --export") -> None:
        exports = f'exports=$({command}) && eval "$exports" && exec env -0'
        variables = subprocess.run(["bash", "-c", exports], check=True, capture_output=True, text=True).stdout
        os.environ.update(entry.split("=", 1) for entry in variables.split("\0") if entry)

    def _run_python(self, snippet: dict[str, str]) -> None:
        if not self._interpreter:
            command = [self._python, "-c", INTERPRETER, str(self._tell)]
            self._interpreter = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, pass_fds=[self._tell])
            os.close(self._tell)
        path = Path(f".line_{snippet['line']}.py")
        path.write_text("\n" * (int(snippet["line"]) - 1) + snippet["code"])
        assert self._interpreter.stdin
        print(f"page {path}", file=self._interpreter.stdin, flush=True)
        if not os.read(self._done, 1):
            sys.exit(self._interpreter.wait() or 1)

    def _run_shell(self, snippet: dict[str, str]) -> None:
        subprocess.run(["bash", "-eo", "pipefail", "-c", snippet["code"]], check=True, stdin=subprocess.DEVNULL)

    def _serve(self, snippet: dict[str, str]) -> None:
        command = ["bash", "-c", f"exec {snippet['code']}"]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._servers.append(server)
        assert server.stderr
        for line in server.stderr:
            print(line, end="")
            if ADDRESS.search(line):
                return
        sys.exit(server.wait() or 1)

    def close(self) -> None:
        """End everything that the page has started."""
        for process in filter(None, [*self._servers, self._interpreter]):
            process.terminate()
            process.wait()
        if Path(os.environ["WILDSAGE_DATA"], "server.json").exists():
            subprocess.run(["wildsage", "down"], capture_output=True)


def main() -> None:
    """Run the blocks in their order, up to the first that fails."""
    page, snippets = Page(sys.argv[1]), json.load(sys.stdin)
    code = "\n".join(snippet["code"] for snippet in snippets)
    try:
        if NEEDS_AWS.search(code) and "wildsage up" not in code:
            page.provide_aws()
        for snippet in snippets:
            page.run(snippet)
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)
    finally:
        page.close()


if __name__ == "__main__":
    main()
