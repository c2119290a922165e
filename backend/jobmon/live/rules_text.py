"""Write the table of rules as a document: `jobmon rules`, from which docs/scores.md is made."""

from typing import Any

import orjson

from jobmon.live.scores import RULES_FILE, Formula

BINDING = {"or": 1, "and": 2, "not": 3, "<": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6}
SIGNS = {"*": "×", "/": "/", "-": "−"}

HEAD = """# How jobs are judged

Made from [rules.json](../backend/jobmon/live/rules.json) by `jobmon rules`; do not edit.

A rule looks at each snapshot of a running job, on each of its nodes. The first {graceTime:g} minutes of a job
(`graceTime`) are left alone. On the page a warning holds when its rule fired in more than {warningFraction:g} of the
snapshots (`warningFraction`) of the last {minutes:g} minutes (`warningWindow`, in seconds); of a finished job, when it
fired for more than that share of the whole judged run. What is not known is never held against anybody. The numbers in
`code` are settings of the site's `site.json`, with their defaults below.
"""


def markdown() -> str:
    """Return the document."""
    table = orjson.loads(RULES_FILE.read_bytes())
    settings: dict[str, float] = table["settings"]
    parts = [HEAD.format(**settings, minutes=settings["warningWindow"] / 60)]
    parts += [_rule(rule, settings) for rule in table["rules"]]
    parts.append(_fit(table["fit"]))
    parts.append(_settings(settings))
    return "\n".join(parts)


def infix(formula: Formula, outer: int = 0) -> str:
    """Return a formula as people write it."""
    if not isinstance(formula, list):
        return f"{formula:g}" if isinstance(formula, int | float) else str(formula)
    operator, *operands = formula
    own = BINDING.get(operator)
    if own is None:
        return f"{operator}({', '.join(infix(operand) for operand in operands)})"
    if operator == "not":
        return f"not {infix(operands[0], own)}"
    sign = SIGNS.get(operator, operator)
    text = f" {sign} ".join(infix(operand, own + (k > 0 and operator in "-/")) for k, operand in enumerate(operands))
    return f"({text})" if own < outer else text


def _rule(rule: dict[str, Any], settings: dict[str, float]) -> str:
    waste, threshold = rule["waste"], rule["threshold"]
    lost = f"{infix(waste['formula'])} {waste['unit']} in each hour" if waste else "nothing that is reckoned"
    return "\n".join(
        [
            f"## {rule['title']}",
            "",
            f"“{rule['sentence']}” {rule['advice']}",
            "",
            f"- id: `{rule['id']}`, of a {rule['of']}; threshold `{threshold}` = {settings[threshold]:g}",
            f"- fires when: {infix(rule['when'])}",
            f"- score ({rule['unit']}): {infix(rule['score'])}",
            f"- wastes: {lost}",
            "",
        ]
    )


def _fit(fit: dict[str, Any]) -> str:
    lines = [f"- {part}: {infix(entry['formula'])}, when `{entry['rule']}` held"
             for part, entry in fit.items() if part != "about"]  # fmt: skip
    return "\n".join(["## The request that would have fitted", "", fit["about"], "", *lines, ""])


def _settings(settings: dict[str, float]) -> str:
    lines = [f"| `{name}` | {value:g} |" for name, value in settings.items()]
    return "\n".join(["## Settings", "", "| name in site.json | default |", "|---|---|", *lines, ""])
