"""Responses that continue where an earlier one ended, for the scripts of pages that follow something."""

from __future__ import annotations

from flask import Response, abort, jsonify, request

from wildsage.local_runner.console import feed


def positions() -> feed.Positions:
    """Where the last answer to this page ended. Responds 400 if the address does not say it properly."""
    try:
        return feed.parse_positions(request.args.get("positions", ""))
    except ValueError as error:
        abort(400, str(error))


def lines(part: feed.LogPart, ended: bool) -> Response:
    """Lines of a log as JSON: time in milliseconds, stream, and text; `ended`: no more will follow."""
    found = [(event.timestamp_ms, stream, event.message) for stream, event in part.lines]
    return jsonify(lines=found, positions=part.positions, cut=part.is_cut, ended=ended)
