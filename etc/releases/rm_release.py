"""Hold what the programs of releases share: names, settings, folders, locks and commands.

The programs run on the nodes of a cluster, so Python 3.6 and its standard library are all they need.
"""

import configparser
import contextlib
import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""What packages, versions, variants, tags and sub-packages are called: never a path, never an option."""
FOLDERS = {"build": "src", "logs": "log", "documentation": "doc", "archive": "dist"}
BUSY = 75
KINDS = ("Release", "HEAD", "LATEST")


class Problem(Exception):
    """Tell why a program cannot do its work."""

    def __init__(self, text: str, code: int = 1) -> None:
        Exception.__init__(self, text)
        self.code = code


def main(work: "Callable[[List[str]], int]") -> None:
    """Run a program and end as it ended."""
    try:
        code = work(sys.argv[1:])
    except Problem as problem:
        sys.stderr.write("{}: {}\n".format(os.path.basename(sys.argv[0]), quoted(str(problem))))
        code = problem.code
    sys.stdout.flush()
    sys.exit(code)


def checked(what: str, name: str) -> str:
    """Return a name that is safe in a path and on a command line."""
    if not NAME.fullmatch(name):
        raise Problem("{} {!r}: must be letters, digits, and . _ + - inside of it".format(what, name[:80]), 2)
    return name


def arguments(words: "List[str]", *names: str) -> "List[str]":
    """Return the arguments of a program, all of which are names."""
    if len(words) != len(names):
        raise Problem("usage: {}".format(" ".join(name.upper() for name in names)), 2)
    return [checked(name, word) for name, word in zip(names, words)]


def quoted(text: str) -> str:
    """Return a text of others in which no line can be taken for one of ours."""
    return re.sub(r"(?m)^::", " ::", text.replace("\0", " ").replace("\r", "\n"))


# --- settings -------------------------------------------------------------------------------------------------------


class Package:
    """Hold the section of a package."""

    def __init__(self, name: str, options: "Dict[str, str]") -> None:
        self.name = name
        self.options = options
        self.repository = options.get("repository", "")
        self.variants = [checked("variant", one) for one in options.get("variants", "default").split()]
        self.kinds = options.get("kinds", " ".join(KINDS)).split()
        self.branch = options.get("branch", "main")
        if not self.repository or self.repository.startswith("-") or not self.variants:
            raise Problem("package {}: repository and variants must be given".format(name))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+/-]*", self.branch) or ".." in self.branch:
            raise Problem("package {}: branch {!r} is none".format(name, self.branch))
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise Problem("package {}: kinds {!r}: known are {}".format(name, unknown[0], " ".join(KINDS)))

    def command(self, key: str, variant: str, own: "Dict[str, str]", default: str = "") -> str:
        """Return what is to be run: what the sub-package says itself, else the settings, perhaps of the variant."""
        if key in own:
            return own[key]
        return self.options.get("{}.{}".format(key, variant), self.options.get(key, default)).strip()

    def owner(self, subpackage: str, own: "Dict[str, str]") -> str:
        """Return whose sub-package it is."""
        return self.options.get("owner." + subpackage) or own.get("owner") or self.options.get("owner", "")


class Settings:
    """Hold releases.ini, which lies beside the programs if JOBMON_RELEASES does not name another one."""

    def __init__(self) -> None:
        beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "releases.ini")
        path = os.environ.get("JOBMON_RELEASES") or beside
        parser = _parser()
        try:
            with open(path, encoding="utf-8") as file:
                parser.read_file(file)
            self.root = parser.get("releases", "root").rstrip("/")
            os.umask(int(parser.get("releases", "umask", fallback="022"), 8) & 0o777)
        except (OSError, ValueError, configparser.Error) as error:
            raise Problem("{}: {}".format(path, getattr(error, "strerror", None) or error)) from None
        if not self.root.startswith("/") or not os.path.isdir(self.root):
            raise Problem("{}: root = {}: must be the absolute path of a folder that exists".format(path, self.root))
        self.packages = {}  # type: Dict[str, Package]
        for section in parser.sections():
            if section.startswith("package "):
                name = checked("package", section[8:].strip())
                self.packages[name] = Package(name, dict(parser.items(section)))

    def package(self, name: str) -> Package:
        """Return a package."""
        if name not in self.packages:
            raise Problem("there is no [package {}] in releases.ini".format(name), 2)
        return self.packages[name]


def _parser() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    return parser


# --- folders --------------------------------------------------------------------------------------------------------


class Tree:
    """Be the folder of one build: ROOT/PACKAGE/VERSION/VARIANT with src, log, doc and dist."""

    def __init__(self, settings: Settings, package: str, version: str, variant: str) -> None:
        self.names = (package, version, variant)
        self.root = settings.root
        self.path = os.path.join(self.root, *self.names)
        self.src, self.log, self.doc, self.dist = (os.path.join(self.path, one) for one in FOLDERS.values())

    def make(self, folder: str) -> str:
        """Make a folder of this build, none of whose parents may be a link to elsewhere."""
        os.makedirs(folder, exist_ok=True)
        real = os.path.realpath(self.root)
        if os.path.realpath(folder) != os.path.join(real, os.path.relpath(folder, self.root)):
            raise Problem("{}: leads out of {}".format(folder, self.root))
        return folder

    @contextlib.contextmanager
    def locked(self, shared: bool = False, patience_s: float = 60.0) -> "Iterator[None]":
        """Keep other programs out of this build, those excepted that do not change it either."""
        folder = os.path.join(self.root, ".jobmon", "locks")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "--".join(self.names))
        deadline = time.time() + patience_s
        while True:
            with open(path, "a+") as file:
                try:
                    fcntl.lockf(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno not in (errno.EACCES, errno.EAGAIN):
                        sys.stderr.write("{}: cannot be locked: {}\n".format(path, error.strerror))
                        yield  # the workflow lets one run at a time into a build as well
                        return
                    if time.time() > deadline:
                        raise Problem("another program works on {}".format("/".join(self.names)), BUSY) from None
                    time.sleep(0.2)
                    continue
                if not _same(file, path):
                    continue  # it was removed together with the build
                yield
                return

    def unlock_for_good(self) -> None:
        """Remove the file of the lock, while it is held."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.root, ".jobmon", "locks", "--".join(self.names)))


def _same(file: "Any", path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def own_words(folder: str) -> "Dict[str, str]":
    """Return what a sub-package says of itself in its file `jobmon-package`: build, test, document, owner."""
    try:
        with open(os.path.join(folder, "jobmon-package"), encoding="utf-8") as file:
            parser = _parser()
            parser.read_string("[package]\n" + file.read(65536))
            return dict(parser.items("package"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}


def subpackages(package: Package, src: str) -> "List[Tuple[str, str]]":
    """Return names and folders: those of the settings, else all that hold `jobmon-package`, else a Makefile."""
    given = package.options.get("subpackages", "").split()
    found = given or _marked(src)
    if not found:
        makefiles = ("Makefile", "makefile", "GNUmakefile")
        found = [name for name in sorted(os.listdir(src))
                 if any(os.path.isfile(os.path.join(src, name, one)) for one in makefiles)]  # fmt: skip
    if not found:
        return [(package.name, src)]
    real = os.path.realpath(src)
    named = []
    for path in found:
        name = checked("sub-package", "+".join(checked("sub-package", part) for part in path.split("/")))
        folder = os.path.join(src, path)
        if os.path.realpath(folder) != os.path.join(real, path):
            raise Problem("sub-package {}: leads out of the sources".format(name))
        named.append((name, folder))
    return named


def _marked(src: str) -> "List[str]":
    found = []
    for folder, below, files in os.walk(src):
        path = os.path.relpath(folder, src)
        depth = 0 if path == "." else path.count("/") + 1
        below[:] = sorted(one for one in below if NAME.fullmatch(one)) if depth < 5 else []
        if depth and "jobmon-package" in files:
            found.append(path)
    return sorted(found)


# --- commands -------------------------------------------------------------------------------------------------------

ENDING = []  # type: List[int]
"""The signals that asked this program to end."""


def run(command: str, folder: str, log: str, more: "Dict[str, str]") -> int:
    """Run a line of the settings with a shell, its output into a file, and return its code, 128 + signal if killed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    with open(log, "wb") as file:
        child = subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, env=dict(os.environ, **more),
                                 stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)  # fmt: skip
        before = signal.signal(signal.SIGTERM, lambda number, _frame: ENDING.append(number))
        code = child.wait()
        signal.signal(signal.SIGTERM, before)
    return code if code >= 0 else 128 - code


def git(*words: str, folder: str = "", check: bool = True) -> str:
    """Run git without questions and return what it says; its own words and return code when it fails."""
    environment = dict(os.environ, GIT_TERMINAL_PROMPT="0", GIT_ALLOW_PROTOCOL="file:https:http:ssh:git", LC_ALL="C")
    place = ["-C", folder] if folder else []
    child = subprocess.Popen(["git"] + place + list(words), env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    said, told = child.communicate()
    if child.returncode and check:
        raise Problem(told.decode("utf-8", "replace").strip() or "git {} failed".format(words[0]), child.returncode)
    return said.decode("utf-8", "replace")
