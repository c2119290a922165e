"""Releases of a real git repository, built by real jobs of this machine, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from batch_house import housed
from jobmon.batch import jobs, release_files
from jobmon.batch.jobs import NoSuchThing, NotPossible
from jobmon.batch.release_tables import BUILD, ERASE, PART
from jobmon.errors import SettingsError
from release_house import PATIENCE_S, Releases
from release_site import ReleaseSite
from stores import Open, opened, url

__all__ = ["opened", "url"]
pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]


@pytest.fixture
def releases(opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    site = ReleaseSite(tmp_path)
    with housed(opened(), tmp_path, monkeypatch, programs=str(site.programs), local_slots=2) as house:
        site.workflows(tmp_path / "workflows")
        yield Releases(house, site)


def test_the_migration_makes_the_declared_tables(opened):
    with opened().reading() as connection:
        inspector = sa.inspect(connection)
        for table in (BUILD, PART, ERASE):
            found = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert found == {column.name: column.nullable for column in table.columns}
            keys = inspector.get_pk_constraint(table.name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key]
            assert {index["name"] for index in inspector.get_indexes(table.name)} >= {i.name for i in table.indexes}


def test_a_tag_is_noticed_and_built_for_all_variants(releases):
    releases.site.git("tag", "v1.0")
    builds = releases.watch()
    assert [build["mark"] for build in builds] == ["ok"] * 3, [releases.details(b["build_id"]) for b in builds]
    versions = releases.overview()
    head = releases.site.git("rev-parse", "HEAD").strip()
    assert [(one["version"], one["version_type"], sorted(one["cells"])) for one in versions] == [
        (f"HEAD-{head[:12]}", "HEAD", ["gcc"]), ("v1.0", "Release", ["gcc", "gcc-opt"]),
    ]  # fmt: skip
    found = releases.details(builds[0]["build_id"])
    assert [stage["name"] for stage in found["stages"]] == ["checkout", "build", "test", "doxygen", "package", "report"]
    assert all(stage["fires"] for stage in found["stages"])
    assert [row["name"] for row in found["subpackages"]] == ["base", "core", "io", "reco"]
    base = found["subpackages"][0]["cells"]
    assert {step: one["rc"] for step, one in base[0].items()} == {"checkout": 0, "build": 0, "test": 0}
    assert [column["version"] for column in found["columns"]] == ["v1.0", "v1.0", f"HEAD-{head[:12]}", None]
    assert base[0] == base[1]
    assert base[3] == {}
    assert (releases.site.place("v1.0") / "dist/core-v1.0-src.tar.gz").stat().st_size > 100
    assert releases.messages() == []
    assert releases.watch() == []
    assert [one["started"] for one in releases.trigger("v1.0")["builds"]] == [False, False]


def test_a_change_of_a_subpackage_is_latest_and_any_other_is_head(releases):
    site = releases.site
    releases.watch()
    site.write("io/new", "x")
    site.commit("of io only")
    assert [b["mark"] for b in releases.watch()] == ["ok"]
    assert releases.overview()[0]["version_type"] == "LATEST"
    site.write("README", "more\n")
    site.commit("of the package")
    releases.watch()
    assert releases.overview()[0]["version_type"] == "HEAD"


def test_a_broken_checkout_gives_c(releases):
    site = releases.site
    (build,) = releases.built("v9", "gcc")
    assert build["build"]["mark"] == "C"
    (failure,) = build["failures"]
    assert failure["first_error"] == f"fatal: there is no tag, branch or commit v9 in {site.repository}"
    assert (failure["subpackage"], failure["owner"]) == ("core", "core@example.org")
    site.git("rm", "-r", "--quiet", "reco")
    site.commit("without reco", tag="v1.1")
    (build,) = releases.built("v1.1", "gcc")
    assert build["build"]["mark"] == "C"
    assert [one["subpackage"] for one in build["failures"]] == ["reco"]


def test_a_repository_that_is_away_is_asked_again(releases):
    releases.site.settings(repository="git://127.0.0.1:1/core")
    number = releases.trigger("v1", "gcc")["builds"][0]["run_id"]
    releases.house.until(lambda: releases.house.run(number)["stages"][0]["status"] == "retry", PATIENCE_S)


def test_a_broken_build_gives_o_its_first_error_and_can_be_run_again(releases):
    site, house = releases.site, releases.house
    site.write("io/build.sh", f"echo compiling\ntest -e {site.root}/mended || "
               "{ echo 'src/a.c:3:5: error: expected a semicolon'; exit 2; }\necho built > out\n")  # fmt: skip
    site.commit("breaks io", tag="v2")
    (build,) = releases.built("v2", "gcc")
    assert build["build"]["mark"] == "O"
    (failure,) = build["failures"]
    assert (failure["subpackage"], failure["step"], failure["line"]) == ("io", "build", 2)
    assert failure["first_error"] == "src/a.c:3:5: error: expected a semicolon"
    run = house.run(build["build"]["run_id"])["run"]
    assert run["variables"]["first_error"] == "src/a.c:3:5: error: expected a semicolon"
    log = release_files.log_end(build["build"]["place"], failure["log"], 1000)
    assert log.splitlines()[1] == failure["first_error"].encode()
    ((address, bundle, subject, text),) = releases.messages()
    assert (address, bundle) == ("ada@example.org", f"build {build['build']['build_id']}")
    assert subject == "core v2 gcc: io failed"
    assert "io: build ended with 2, log/build-io.log:2\n    src/a.c:3:5: error" in text

    (site.root / "mended").touch()
    with house.store.writing() as connection:
        house.master.runs.rerun(connection, run["run_id"], "build", "olga")
    releases.ended(run["run_id"])
    again = releases.details(build["build"]["build_id"])
    assert again["build"]["mark"] == "ok"
    assert again["failures"] == []
    assert len(releases.messages()) == 1


def test_a_broken_test_gives_t(releases):
    site = releases.site
    site.write(
        "reco/test.sh", "echo Traceback '(most recent call last):'\necho '  File x'\necho 'ValueError: 7'\nexit 1\n"
    )
    site.commit("breaks reco", tag="v3")
    (build,) = releases.built("v3", "gcc-opt")
    assert build["build"]["mark"] == "T"
    (failure,) = build["failures"]
    assert (failure["subpackage"], failure["line"], failure["first_error"]) == ("reco", 3, "ValueError: 7")
    cells = next(row for row in build["subpackages"] if row["name"] == "reco")["cells"]
    assert {step: one["rc"] for step, one in cells[0].items()} == {"checkout": 0, "build": 0, "test": 2}  # as make ends


def test_500_failures_are_one_message_to_each_owner(releases):
    site = releases.site
    names = [f"part{number:03}" for number in range(500)]
    for number, name in enumerate(names):
        site.write(f"{name}/jobmon-package", f"build = echo '{'x' * 200}.c:1: error: no'; exit 1\n"
                   f"owner = {'ada' if number % 2 else 'bob'}@example.org\n")  # fmt: skip
    site.commit("many", tag="v4")
    site.settings(subpackages="")
    (build,) = releases.built("v4", "gcc")
    assert len(build["failures"]) == 500
    assert all(one["first_error"].startswith("xxx") for one in build["failures"][:20])
    assert all(one["line"] == 1 for one in build["failures"])
    messages = releases.messages()
    assert sorted(address for address, *_ in messages) == ["ada@example.org", "bob@example.org"]
    assert all("and 245 more failed" in subject for _, _, subject, _ in messages)


def test_a_build_that_fails_without_a_part_is_told_to_the_package(releases):
    releases.site.settings()
    (releases.site.programs / "rm-build").write_text("#!/bin/sh\necho ::result nonsense\nkill -9 $$\n")
    (build,) = releases.built("v5", "gcc", tag="main")
    assert build["build"]["mark"] == "O"
    assert ("note", "is not JSON") in [(fire["rule"], fire["text"][-11:]) for fire in build["stages"][1]["fires"]]
    ((address, _, subject, _),) = releases.messages()
    assert address == "core@example.org"
    assert "the build failed" in subject


def test_parts_are_erased_after_they_were_shown(releases):
    site = releases.site
    first, other = (one["build"] for one in releases.built("v1", tag="main"))
    shown = releases.preview([first["build_id"]], ["build", "logs"])
    assert shown["builds"][0]["sizes"]["build"]["bytes"] > 100
    assert shown["bytes"] == sum(size["bytes"] for size in shown["builds"][0]["sizes"].values())
    with pytest.raises(NotPossible, match="somebody else"):
        releases.erase(shown["token"], "eve")
    with pytest.raises(NotPossible, match="not known"):
        releases.erase(shown["token"][:-1] + "x")
    todo = releases.erase(shown["token"])
    assert todo["result"].startswith("done: "), todo
    assert not (site.place("v1") / "src").exists()
    assert (site.place("v1", "gcc-opt") / "src").exists()
    assert releases.details(first["build_id"])["build"]["erased"] == ["build", "logs"]
    with releases.house.store.writing() as connection:
        last = jobs.listing(connection, text="rm-erase")[0]["job_id"]
        with pytest.raises(NotPossible, match="must be asked for again"):
            jobs.rerun(connection, last, "olga", releases.house.settings.batch)
    with pytest.raises(NotPossible, match="used"):
        releases.erase(shown["token"])
    shown = releases.preview([first["build_id"], other["build_id"]], ["build", "logs", "documentation", "archive"])
    assert releases.erase(shown["token"])["result"].startswith("done: ")
    assert not (site.root / "core").exists()
    assert releases.of_run(first["run_id"])["mark"] == "erased"
    assert releases.trigger("v1", "gcc")["builds"][0]["started"] is False
    shown = releases.preview([first["build_id"]], ["entry"])
    assert releases.erase(shown["token"])["result"] == "done: 1 entries"
    with pytest.raises(NoSuchThing):
        releases.details(first["build_id"])
    assert releases.trigger("v1", "gcc", tag="main")["builds"][0]["started"] is True
    with pytest.raises(NotPossible, match="stop it first"):
        releases.preview([releases.overview()[0]["cells"]["gcc"]["build_id"]], ["build"])


def test_erasing_never_leaves_the_root(releases, tmp_path):
    site = releases.site
    (build,) = releases.built("v1", "gcc", tag="main")
    precious = tmp_path / "precious"
    (precious / "src").mkdir(parents=True)
    (precious / "src/thesis").write_text("x")
    place = site.place("v1")
    (place / "src/away").symlink_to(precious)
    (place / "log").rename(place / "old")
    (place / "log").symlink_to(precious / "src")
    number = build["build"]["build_id"]
    assert release_files.log_end(str(place), "thesis", 100) is None
    todo = releases.erase(releases.preview([number], ["build", "logs", "entry"])["token"])
    assert "logs of core/v1/gcc: log is a link" in todo["result"]
    assert releases.details(number)["build"]["erased"] == ["build"]
    place.rename(site.root / "core/v1/old")
    place.symlink_to(precious)
    shown = releases.preview([number], ["build"])
    assert shown["bytes"] == 0
    assert "gcc: is a link" in releases.erase(shown["token"])["result"]
    assert (precious / "src/thesis").read_text() == "x"


@pytest.mark.parametrize("name", ["../../x", "-rf", "v1\nv2", "", ".", "a/b", "a b", "$(id)", "x" * 101])
def test_hostile_names_are_refused(releases, name):
    for asked in ({"version": name}, {"version": "v1", "tag": name or " "}):
        with pytest.raises(SettingsError, match="letters"):
            releases.trigger(**asked)
    with pytest.raises(SettingsError):
        releases.trigger("v1", name or " ")
    with pytest.raises(SettingsError, match="letters"):
        releases.house.start("release", package="core", version=name, version_type="Manual", tag="x", variant="gcc")
    assert releases.runs() == []
