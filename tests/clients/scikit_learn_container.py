"""A container of scikit-learn in a few lines, as a user writes one: it serves the StandardScaler that a user fitted.

The model is `scaler.json` with the scaler's means and deviations. CSV comes in, and standardised CSV goes out.
"""

from __future__ import annotations

import io
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler


def scaler() -> StandardScaler:
    """The scaler of model.tar.gz."""
    found = json.loads((Path(os.environ.get("SAGEMAKER_DATA_PATH", "/opt/ml")) / "model" / "scaler.json").read_text())
    made = StandardScaler()
    made.mean_, made.scale_ = np.array(found["mean"]), np.array(found["scale"])
    made.n_features_in_ = len(made.mean_)
    return made


class Endpoint(BaseHTTPRequestHandler):
    """Answers /ping and /invocations."""

    scale = scaler()

    def do_GET(self) -> None:
        """/ping."""
        self.answer(b"", "text/plain")

    def do_POST(self) -> None:
        """/invocations."""
        rows = np.loadtxt(io.BytesIO(self.rfile.read(int(self.headers["Content-Length"]))), delimiter=",", ndmin=2)
        text = io.BytesIO()
        np.savetxt(text, self.scale.transform(rows), delimiter=",", fmt="%.6g")
        self.answer(text.getvalue(), "text/csv")

    def answer(self, body: bytes, content_type: str) -> None:
        """Send the whole answer."""
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Endpoint).serve_forever()
