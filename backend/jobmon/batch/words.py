"""Add words to a command line, all in the same way."""

import argparse
from collections.abc import Callable
from typing import Any

Run = Callable[[argparse.Namespace], int]


def adder(actions: Any, common: argparse.ArgumentParser) -> Callable[[str, str, Run], argparse.ArgumentParser]:
    """Return what adds a word with its sentence of help and what it runs."""

    def add(name: str, text: str, run: Run) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = actions.add_parser(
            name, parents=[common], help=text[0].lower() + text[1:], description=f"{text}.", allow_abbrev=False
        )
        command.set_defaults(run=run)
        return command

    return add
