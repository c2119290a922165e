// A rule's formulas as a person reads them.
import type { Expression } from "./formula";
import type { Rule, Settings } from "./rules";

// How firmly an operator binds.
const ranks: Record<string, number> = {
  or: 0,
  and: 1,
  "<": 2,
  ">": 2,
  "<=": 2,
  ">=": 2,
  "+": 3,
  "-": 3,
  "*": 4,
  "/": 4,
};
const FIRMEST = 5;
const signs: Record<string, string> = { "*": "×", "/": "÷", "-": "−", "<=": "≤", ">=": "≥" };

/** Write a formula with its operators between the operands and no more brackets than needed. */
export function infix(formula: Expression): string {
  return written(formula, -1);
}

function written(formula: Expression, around: number): string {
  if (!Array.isArray(formula)) return String(formula);
  const [operator, ...operands] = formula as [string, ...Expression[]];
  const rank = ranks[operator];
  if (rank === undefined) {
    if (operator === "not") return `not ${written(operands[0] ?? 0, FIRMEST)}`;
    return `${operator}(${operands.map((operand) => written(operand, -1)).join(", ")})`;
  }
  if (operands.length === 1) return `${signs[operator] ?? operator}${written(operands[0] ?? 0, FIRMEST)}`;
  // What stands right of a minus or a division keeps its own brackets.
  const parts = operands.map((operand, i) =>
    written(operand, i > 0 && (operator === "-" || operator === "/") ? rank + 1 : rank),
  );
  const text = parts.join(` ${signs[operator] ?? operator} `);
  return rank < around ? `(${text})` : text;
}

/** Return the names that formulas use, in the order of their first use. */
export function namesIn(...formulas: Expression[]): string[] {
  const found = new Set<string>();
  const walk = (formula: Expression): void => {
    if (typeof formula === "string") found.add(formula);
    else if (Array.isArray(formula)) for (const operand of formula.slice(1)) walk(operand as Expression);
  };
  for (const formula of formulas) walk(formula);
  return [...found];
}

const meanings: Record<string, string> = {
  cores: "cores of the job on the node",
  known: "those of them whose load is known",
  user: "% of their time in programs",
  system: "% of their time in the operating system",
  wait: "% of their time waiting for input and output",
  busy: "user + system",
  gpus: "GPUs of the job on the node",
  gpuUtil: "% of their time that they are busy",
  memReq: "memory asked for per node, MiB",
  memMax: "most memory used on one node, MiB",
  hostCpus: "cores of the node",
  full: "the job has all cores of the node",
  swapUsed: "swap in use, MiB",
  swapTotal: "swap of the node, MiB",
};

/** Explain the names of a rule: a setting with its value, a variable with its meaning. */
export function glossary(rule: Rule, settings: Settings): { name: string; meaning: string }[] {
  const formulas = [rule.when, rule.score, ...(rule.waste ? [rule.waste.formula] : [])];
  return namesIn(...formulas).map((name) => ({
    name,
    meaning: Object.hasOwn(settings, name)
      ? `${settings[name as keyof Settings]}, a setting of this site`
      : (meanings[name] ?? ""),
  }));
}
