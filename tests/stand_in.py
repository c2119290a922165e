"""Put commands into a folder that say what a test wants, and keep what they were told."""

import os
from pathlib import Path
from shlex import quote


class Commands:
    """Be a folder of commands, for [scheduler] bin_path; what they were told lies in a folder that all may write to."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self._told = folder / "told"
        self.path.mkdir()
        self._told.mkdir()
        self._told.chmod(0o777)

    def say(self, program: str, out: str = "", err: str = "", code: int = 0, first: str = "") -> None:
        """Let a command print and leave with a code, after a line of shell."""
        (self.path / f"{program}.out").write_text(out, encoding="utf-8")
        (self.path / f"{program}.err").write_text(err, encoding="utf-8")
        script = self.path / program
        told = f"{quote(str(self._told))}/{program}"
        script.write_text(
            f"""#!/bin/sh
for word; do printf '%s\\0' "$word"; done >>{told}.args; echo >>{told}.args
cat >{told}.stdin; env >{told}.env; id -u >{told}.user
{first}
cat {quote(str(script))}.out; cat {quote(str(script))}.err >&2
exit {code}
""",
            encoding="utf-8",
        )
        script.chmod(0o755)

    def calls(self, program: str) -> list[list[str]]:
        """Return the arguments of each call of a command."""
        path = self._told / f"{program}.args"
        if not path.exists():
            return []
        return [line.split("\0")[:-1] for line in path.read_text(encoding="utf-8").splitlines()]

    def stdin(self, program: str) -> str:
        """Return what a command could read when it was called last."""
        return (self._told / f"{program}.stdin").read_text(encoding="utf-8")

    def env(self, program: str) -> dict[str, str]:
        """Return the environment in which a command was called last, but for what the shell adds."""
        lines = (self._told / f"{program}.env").read_text(encoding="utf-8").splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return {name: value for name, value in found.items() if name not in {"PWD", "OLDPWD", "SHLVL", "_"}}

    def user(self, program: str) -> int:
        """Return who called a command last."""
        return int((self._told / f"{program}.user").read_text(encoding="utf-8"))


def reachable(folder: Path) -> None:
    """Let other accounts reach a folder of pytest's."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == os.geteuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o111)
