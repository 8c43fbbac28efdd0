"""The pages of the console, one module each: a blueprint, whose templates lie in `templates/<page>/`."""

from __future__ import annotations

from flask import Blueprint

from wildsage.local_runner.console.pages import compare, endpoints, jobs, overview, s3


def all_pages() -> tuple[tuple[str, Blueprint], ...]:
    """The entries of the navigation, in its order, with their blueprints. The view `page` of a blueprint is its first page."""
    return (
        ("Overview", overview.BLUEPRINT),
        ("Jobs", jobs.BLUEPRINT),
        ("Compare", compare.BLUEPRINT),
        ("Endpoints", endpoints.BLUEPRINT),
        ("S3", s3.BLUEPRINT),
    )


def navigation() -> list[tuple[str, str]]:
    """Label and name of the blueprint of each entry."""
    return [(label, blueprint.name) for label, blueprint in all_pages()]
