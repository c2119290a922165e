"""Crontab files of other programs become entries of ours."""

import pytest

from jobmon.batch.crontab_file import read


def entries(text, **more):
    found = read(text, **more)
    assert found.faults == []
    return found.entries


def test_an_ordinary_crontab_is_read():
    (one, two) = entries("# a comment\n\n*/15 * * * * /opt/bin/backup --all\n@daily  cleanup 'a b'\n")
    assert (one.name, one.schedule, one.command) == (
        "backup",
        "*/15 * * * *",
        ["/bin/sh", "-c", "/opt/bin/backup --all"],
    )
    assert (two.schedule, two.command[2]) == ("@daily", "cleanup 'a b'")


def test_the_environment_counts_for_the_lines_below_it():
    text = 'MAILTO=a@example.org,b@example.org\nPATH = "/x:/y"\n1 2 * * * one\n'
    text += 'CRON_TZ=Europe/Berlin\nMAILTO=""\n3 4 * * * two\n'
    (one, two) = entries(text)
    assert one.command == ["env", "PATH=/x:/y", "/bin/sh", "-c", "one"]
    assert one.notify == ["email:a@example.org?on=fail", "email:b@example.org?on=fail"]
    assert (one.timezone, two.timezone) == ("UTC", "Europe/Berlin")
    assert two.notify == []


def test_a_percent_sign_begins_the_standard_input():
    (one,) = entries("0 0 * * * cat > x%line 1%line 2\n")
    assert one.command[2] == "cat > x <<'JOBMON_END'\nline 1\nline 2\nJOBMON_END"
    (two,) = entries("0 0 * * * date +\\%F\n")
    assert two.command[2] == "date +%F"


def test_a_system_crontab_names_users():
    (one,) = entries("17 * * * * ada /usr/bin/tool\n", system=True)
    assert (one.user, one.command[2]) == ("ada", "/usr/bin/tool")


def test_names_differ():
    assert [e.name for e in entries("0 0 * * * tool a\n0 1 * * * tool b\n")] == ["tool", "tool-2"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("61 * * * * x", "bad minute"),
        ("* * * * *", "there is no command"),
        ("* * *", "five fields"),
        ("@fortnightly x", "@hourly"),
        ("hello", "five fields"),
        ("0 0 30 2 * x", "bad day-of-month"),
        ("* * * * * a\x07b", "control characters"),
        ("0 0 * * * " + "x" * 20_000, "too long"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_the_others_are_read(line, told):
    found = read(f"0 0 * * * good\n{line}\n0 1 * * * better\n")
    assert len(found.faults) == 1
    assert found.faults[0].startswith("line 2: ")
    assert told in found.faults[0].lower() or told in found.faults[0]
    assert [entry.name for entry in found.entries] == ["good", "better"]


def test_a_wrong_zone_and_a_wrong_address_are_told():
    found = read("CRON_TZ=Mars/Phobos\n0 0 * * * x\nCRON_TZ=UTC\nMAILTO=no address\n0 0 * * * y\n")
    assert [fault[:7] for fault in found.faults] == ["line 2:", "line 5:"]
    assert "Mars/Phobos" in found.faults[0]
