"""Run the commands of a step in all sub-packages: what rm-build, rm-test and rm-doxygen have in common."""

import os
import shutil
import time
from typing import Any, Dict, List

import rm_release as rm
import rm_results


def step(words: "List[str]", name: str, key: str, default: str, prepare: "Any" = None, shared: bool = True) -> int:
    """Run the command called `key` in each sub-package, and tell how each ended."""
    title, version, variant = rm.arguments(words, "package", "version", "variant")
    settings = rm.Settings()
    package = settings.package(title)
    tree = rm.Tree(settings, title, version, variant)
    results = []  # type: List[Dict[str, Any]]
    with tree.locked(shared):
        if not os.path.isdir(os.path.join(tree.make(tree.src), ".git")):
            raise rm.Problem("fatal: there are no sources of {} any more; run from checkout again".format(title))
        tree.make(tree.log)
        for old in os.listdir(tree.log):
            if old.startswith(name + "-"):
                os.unlink(os.path.join(tree.log, old))
        if prepare is not None:
            prepare(tree)
        for one, folder in rm.subpackages(package, tree.src):
            if rm.ENDING:
                break
            own = rm.own_words(folder)
            command = package.command(key, variant, own, default)
            if command:
                results.append(run(tree, package, name, one, folder, command, own))
        code = rm_results.tell(results)
    return 128 + rm.ENDING[0] if rm.ENDING else code


def run(
    tree: rm.Tree, package: rm.Package, step: str, name: str, folder: str, command: str, own: "Dict[str, str]"
) -> "Dict[str, Any]":
    """Run one command, and return its result with the line of its log that says what went wrong."""
    log = "{}-{}.log".format(step, name)
    path = os.path.join(tree.log, log)
    began = time.time()
    rc = rm.run(command, folder, path, environment(tree, name))
    if rm.ENDING:
        rc = rc or 128 + rm.ENDING[0]
    line, first = rm_results.first_error(path) if rc else (None, "")
    return {"subpackage": name, "step": step, "rc": rc, "log": log, "line": line, "first_error": first,
            "seconds": round(time.time() - began, 1), "owner": package.owner(name, own)}  # fmt: skip


def environment(tree: rm.Tree, subpackage: str) -> "Dict[str, str]":
    """Return what a command is told beside its folder."""
    title, version, variant = tree.names
    return {"JOBMON_PACKAGE": title, "JOBMON_VERSION": version, "JOBMON_VARIANT": variant, "VARIANT": variant,
            "JOBMON_SUBPACKAGE": subpackage, "JOBMON_SOURCE": tree.src, "JOBMON_DIST": tree.dist,
            "JOBMON_DOC": os.path.join(tree.doc, subpackage)}  # fmt: skip


def fresh(tree: rm.Tree, folder: str) -> str:
    """Make a folder that holds nothing."""
    if os.path.isdir(tree.make(folder)):
        shutil.rmtree(folder)
    return tree.make(folder)
