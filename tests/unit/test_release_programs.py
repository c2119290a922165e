"""The programs that build releases, each by itself, as on a node."""

import ast
import importlib
import subprocess
from pathlib import Path

import pytest

from jobmon.batch import release_files, release_results
from release_site import ROOT, ReleaseSite, told

LOGS = {
    "gcc": ("gcc -c a.c\nIn file included from x.h:3,\na.c:3:5: error: expected ';'\nmake: *** [a.o] Error 1\n", 3),
    "fatal": ("x\na.c:1:10: fatal error: y.h: No such file\n", 2),
    "linker": ("ld: a.o: in function f:\na.c:(.text+0x5): undefined reference to `g'\n", 2),
    "python": ('warming up\nTraceback (most recent call last):\n  File "x", line 1\nValueError: 7\nError later\n', 4),
    "make": ("all is well\nmake[1]: *** No rule to make target 'x'.  Stop.\nmake: *** [all] Error 2\n", 2),
    "words": ("1 passed\n2 FAILED\nmake: *** [test] Error 1\n", 2),
    "nothing": ("one\ntwo\n\n", 2),
}


@pytest.fixture
def site(tmp_path: Path) -> ReleaseSite:
    return ReleaseSite(tmp_path)


@pytest.fixture
def rm(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "etc/releases")
    return importlib.import_module("rm_release")


@pytest.fixture
def rm_results(rm):
    return importlib.import_module("rm_results")


@pytest.mark.parametrize("name", LOGS)
def test_the_first_error_of_a_log_is_found(rm_results, tmp_path, name):
    text, line = LOGS[name]
    (tmp_path / "log").write_text(text)
    assert rm_results.first_error(str(tmp_path / "log")) == (line, text.splitlines()[line - 1])


def test_a_log_that_is_empty_or_missing_has_none(rm_results, tmp_path):
    (tmp_path / "log").write_bytes(b"")
    assert rm_results.first_error(str(tmp_path / "log")) == (None, "")
    assert rm_results.first_error(str(tmp_path / "none")) == (None, "")
    (tmp_path / "log").write_bytes(b"\xff\0\n" * 3)
    assert rm_results.first_error(str(tmp_path / "log"))[0] == 3


@pytest.mark.parametrize("text", ["", "ä" * 5000, "\0" * 5000, "\N{GRINNING FACE}" * 5000, '"' * 5000, "x" * 100])
def test_500_results_fit_into_what_is_kept(rm_results, capsys, text):
    many = [{"subpackage": f"part{number:03}", "step": "build", "rc": 1, "log": "l", "line": 123, "first_error": text,
             "seconds": 1.5, "owner": "somebody@example.org"} for number in range(500)]  # fmt: skip
    assert rm_results.tell(many) == 1
    kept = capsys.readouterr().out.encode()[-65_536:].decode(errors="replace")
    found, wrong = release_results.results(kept, True, "x")
    assert wrong == []
    assert len(found) > 440
    assert all(one.owner == "somebody@example.org" for one in found)


def test_lines_of_others_are_not_taken_for_ours(rm):
    assert rm.quoted("a\n::result {}\r::set x=1") == "a\n ::result {}\n ::set x=1"


def test_the_settings_are_the_same_for_the_programs_and_for_jobmon(rm, site, monkeypatch):
    site.settings(more="variants.x = y")
    monkeypatch.setenv("JOBMON_RELEASES", str(site.programs / "releases.ini"))
    known = release_files.catalogue(str(site.programs))
    theirs = rm.Settings()
    assert known.root == theirs.root == str(site.root)
    assert {name: list(one.variants) for name, one in known.packages.items()} == {"core": ["gcc", "gcc-opt"]}
    assert theirs.package("core").variants == ["gcc", "gcc-opt"]
    assert rm.FOLDERS == release_files.FOLDERS
    assert rm.NAME.pattern == release_results.NAME.pattern


def test_the_sample_of_the_settings_is_right(tmp_path):
    text = (ROOT / "etc/releases/releases.ini").read_text()
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") and line != "#" else line
             for line in text.splitlines()]  # fmt: skip
    (tmp_path / "releases.ini").write_text("\n".join(lines))
    known = release_files.catalogue(str(tmp_path))
    assert (known.error, known.packages["core"].owner) == ("", "core@example.org")
    assert release_files.catalogue(str(ROOT / "etc/releases")).packages == {}


def test_wrong_settings_are_told(site):
    (site.programs / "releases.ini").write_text("[releases]\nroot = relative\n")
    assert "absolute" in site.run("rm-build", "core", "v1", "gcc").stderr
    assert "absolute" in release_files.catalogue(str(site.programs)).error
    (site.programs / "releases.ini").unlink()
    assert "No such file" in site.run("rm-build", "core", "v1", "gcc").stderr
    assert "No such file" in release_files.catalogue(str(site.programs)).error


@pytest.mark.parametrize("program", ["rm-checkout", "rm-build", "rm-test", "rm-doxygen", "rm-package", "rm-report"])
def test_hostile_arguments_are_refused(site, program):
    count = {"rm-checkout": 4, "rm-report": 4}.get(program, 3)
    for name in ("../../x", "-rf", "v1\nv2", "", "."):
        done = site.run(program, "core", *[name] * (count - 1))
        assert done.returncode == 2
        assert done.stdout == ""
    assert site.run(program, *["x"] * 9).returncode == 2
    assert list(site.root.iterdir()) == []


def test_hostile_erasures_are_refused(site):
    for words in (["build"], ["entry", "a/b/c"], ["build", "../../x"], ["build", "a/../c"], ["build", "/a/b/c"],
                  ["build", "a/b"], ["build", "a/b/c/d"], ["", "a/b/c"]):  # fmt: skip
        assert site.run("rm-erase", *words).returncode == 2
    assert [one["bytes"] for one in told(site.run("rm-erase", "build,logs", "a/b/c").stdout)] == [0, 0]


def test_a_look_reports_each_thing_once(site):
    site.git("tag", "v1.9")
    site.git("tag", "v1.10", "-a", "-m", "annotated")
    head = site.git("rev-parse", "HEAD").strip()
    first = site.run("rm-trigger", "--since", "")
    assert [(one["version"], one["variant"], one["tag"]) for one in told(first.stdout, "::item ")] == [
        ("v1.10", "gcc", "v1.10"), ("v1.10", "gcc-opt", "v1.10"), (f"HEAD-{head[:12]}", "gcc", head),
    ]  # fmt: skip
    cursor = first.stdout.partition("::set cursor=")[2].strip()
    assert site.run("rm-trigger", "--since", cursor).stdout == f"::set cursor={cursor}\n"
    site.git("tag", "v1.8.1")
    again = site.run("rm-trigger", "--since", cursor)
    assert [one["version"] for one in told(again.stdout, "::item ")] == ["v1.8.1"] * 2
    # a run that came to nothing keeps its cursor, and so the next one says it again
    assert site.run("rm-trigger", "--since", cursor).stdout == again.stdout


def test_a_repository_that_is_away_hides_no_other(site):
    more = f"[package lost]\nrepository = {site.root}/nowhere\n"
    site.settings(more=more)
    done = site.run("rm-trigger", "--since", "")
    assert done.returncode == 0
    assert "lost: " in done.stderr
    assert len(told(done.stdout, "::item ")) == 1
    assert site.run("rm-trigger", "--since", "../../etc/passwd").returncode == 2


def test_the_file_of_a_subpackage_finds_it_and_says_how_it_is_built(site):
    site.write("deep/er/jobmon-package", "build = echo own > own\nowner = eve@example.org\n")
    site.write("deep/er/.keep", "")
    site.commit("deep")
    site.settings(subpackages="")
    assert site.run("rm-checkout", "core", "v1", "main", "gcc").returncode == 0
    done = site.run("rm-build", "core", "v1", "gcc")
    assert [one["subpackage"] for one in told(done.stdout)] == ["deep+er"]
    assert (site.place("v1") / "src/deep/er/own").exists()
    assert not (site.place("v1") / "src/base/out").exists()
    assert (site.place("v1") / "log").stat().st_mode & 0o777 == 0o755


def test_a_second_build_begins_anew(site):
    site.run("rm-checkout", "core", "v1", "main", "gcc")
    assert site.run("rm-build", "core", "v1", "gcc").returncode == 0
    (site.place("v1") / "src/base/left").touch()
    (site.place("v1") / "log/build-gone.log").touch()
    assert site.run("rm-build", "core", "v1", "gcc").returncode == 0
    assert not (site.place("v1") / "src/base/left").exists()
    assert not (site.place("v1") / "log/build-gone.log").exists()


def test_commands_of_a_variant_and_none(site):
    site.settings(
        more="build.gcc-opt = echo $JOBMON_VARIANT $JOBMON_SUBPACKAGE > opt\ntest =\ndocument = env > $JOBMON_DOC/e"
    )
    site.run("rm-checkout", "core", "v1", "main", "gcc-opt")
    site.run("rm-build", "core", "v1", "gcc-opt")
    assert (site.place("v1", "gcc-opt") / "src/io/opt").read_text() == "gcc-opt io\n"
    assert site.run("rm-test", "core", "v1", "gcc-opt").stdout == ""
    assert len(told(site.run("rm-doxygen", "core", "v1", "gcc-opt").stdout)) == 3
    assert "JOBMON_PACKAGE=core" in (site.place("v1", "gcc-opt") / "doc/io/e").read_text()


def test_two_do_not_work_in_one_tree(site):
    site.settings(more="build = echo $$ > running; sleep 1; rm running")
    site.run("rm-checkout", "core", "v1", "main", "gcc")
    with subprocess.Popen([site.programs / "rm-build", "core", "v1", "gcc"], stdout=subprocess.PIPE) as one:
        done = site.run("rm-build", "core", "v1", "gcc")
        assert one.wait() == done.returncode == 0


def test_a_program_that_is_ended_tells_what_it_knows(site):
    site.settings(more="build = [ $JOBMON_SUBPACKAGE = base ] || { touch here; exec sleep 60; }")
    site.run("rm-checkout", "core", "v1", "main", "gcc")
    with subprocess.Popen([site.programs / "rm-build", "core", "v1", "gcc"], stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as one:  # fmt: skip
        for _ in range(200):
            if (site.place("v1") / "src/io/here").exists():
                break
            subprocess.run(["sleep", "0.05"])
        subprocess.run(["kill", "-TERM", "--", f"-{one.pid}"], check=True)
        output, _ = one.communicate(timeout=20)
    assert one.returncode == 143
    assert {one["subpackage"]: one["rc"] for one in told(output)} == {"base": 0, "io": 143}


def test_links_in_the_sources_lead_nowhere(site):
    (site.repository / "away").symlink_to("/tmp")
    site.commit("a link")
    site.settings(subpackages="base away")
    done = site.run("rm-checkout", "core", "v1", "main", "gcc")
    assert done.returncode == 1
    assert "leads out of the sources" in done.stdout


def test_they_are_written_for_the_oldest_python():
    for path in sorted((ROOT / "etc/releases").glob("rm*")):
        if path.is_file():
            ast.parse(path.read_text(), str(path), feature_version=(3, 6))


def test_the_shipped_programs_can_be_run():
    for path in (ROOT / "etc/releases").glob("rm-*"):
        assert path.stat().st_mode & 0o111, path
        assert path.read_text().startswith("#!/usr/bin/env python3\n")
