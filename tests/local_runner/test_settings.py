"""The layout of a data folder: what a server writes there, region by region."""

from __future__ import annotations

from wildsage.local_runner.settings import RegionFolder, ServerSettings


def test_everything_of_a_region_lies_in_its_folder(tmp_path):
    region = ServerSettings(tmp_path).region("eu-west-1")
    assert region == RegionFolder(tmp_path / "regions" / "eu-west-1")
    assert region.name == "eu-west-1"
    places = [
        region.state,
        region.logs,
        region.jobs,
        region.kept,
        region.processing,
        region.transforms,
        region.endpoints,
    ]
    assert [place.relative_to(region.path).name for place in places] == [
        "state.sqlite3",
        "logs",
        "jobs",
        "kept",
        "processing",
        "transforms",
        "endpoints",
    ]


def test_a_region_exists_once_it_has_a_store(tmp_path):
    settings = ServerSettings(tmp_path)
    assert settings.existing_regions() == []
    for name in ("us-east-1", "eu-west-1", "unused"):
        settings.region(name).path.mkdir(parents=True)
        if name != "unused":
            settings.region(name).state.touch()
    assert [region.name for region in settings.existing_regions()] == ["eu-west-1", "us-east-1"]


def test_what_a_server_writes_is_told_from_the_users_own_files(tmp_path):
    settings = ServerSettings(tmp_path)
    for name in ("server.log", "server.log.1", "access.log", "up.log", "my.log", "other.txt"):
        (tmp_path / name).touch()
    assert {place.name for place in settings.places} == {
        "s3",
        "regions",
        "authority",
        "missed-buckets.txt",
        "foreign-images.txt",
        "not-implemented.txt",
        "server.log",
        "server.log.1",
        "access.log",
        "up.log",
    }
    assert all(place.parent == tmp_path for place in settings.places)
    assert settings.log in settings.places and settings.terminal_log in settings.places


def test_a_server_is_for_this_machine_alone_unless_it_is_told_otherwise(tmp_path):
    settings = ServerSettings(tmp_path)
    assert (settings.host, settings.port, settings.open_to_network) == ("127.0.0.1", 0, False)
    assert (settings.public_s3, settings.keep, settings.strict, settings.warm_up) == (False, False, False, False)
    assert (settings.memory, settings.max_jobs, settings.keys) == (None, None, None)
    assert settings.hold_first_describe_s == 20
