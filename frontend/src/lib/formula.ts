// Formulas of the rule table over whole columns. Unknown is NaN; truth is 1, 0 or NaN.

export type Expression = number | string | readonly [string, ...Expression[]];
export type Value = number | Float64Array;

type Binary = (a: number, b: number) => number;

/** Say whether a truth value is known and not 0. */
export const isTrue = (a: number): boolean => a !== 0 && !Number.isNaN(a);

const unknown = (a: number, b: number): boolean => Number.isNaN(a) || Number.isNaN(b);

const binary: Record<string, Binary> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  "<": (a, b) => (unknown(a, b) ? Number.NaN : a < b ? 1 : 0),
  ">": (a, b) => (unknown(a, b) ? Number.NaN : a > b ? 1 : 0),
  "<=": (a, b) => (unknown(a, b) ? Number.NaN : a <= b ? 1 : 0),
  ">=": (a, b) => (unknown(a, b) ? Number.NaN : a >= b ? 1 : 0),
  // One false operand settles `and`, one true operand settles `or`, whatever the other may be.
  and: (a, b) => (a === 0 || b === 0 ? 0 : unknown(a, b) ? Number.NaN : 1),
  or: (a, b) => (isTrue(a) || isTrue(b) ? 1 : unknown(a, b) ? Number.NaN : 0),
};

/** Evaluate a formula for all elements at once; a result that is the same for all is a plain number. */
export function evaluate(expression: Expression, variables: Readonly<Record<string, Value>>): Value {
  if (typeof expression === "number") return expression;
  if (typeof expression === "string") {
    const value = variables[expression];
    if (value === undefined) throw new Error(`formula names "${expression}", which is not known`);
    return value;
  }
  const [operator, ...rest] = expression;
  const operands = rest.map((operand) => evaluate(operand, variables));
  const [first] = operands;
  if (first === undefined) throw new Error(`formula: ${operator} has no operand`);
  if (operator === "not") return map(first, (a) => (Number.isNaN(a) ? a : a === 0 ? 1 : 0));
  if (operator === "if") {
    const [, yes, no] = operands;
    if (yes === undefined || no === undefined) throw new Error("formula: if needs three operands");
    return choose(first, yes, no);
  }
  const apply = binary[operator];
  if (apply === undefined) throw new Error(`formula: unknown operator "${operator}"`);
  if (operands.length === 1 && operator === "-") return map(first, (a) => -a);
  return operands.slice(1).reduce<Value>((left, right) => combine(left, right, apply), first);
}

/** Return element i of a value. */
export function at(value: Value, i: number): number {
  return typeof value === "number" ? value : (value[i] as number);
}

function map(value: Value, apply: (a: number) => number): Value {
  return typeof value === "number" ? apply(value) : value.map(apply);
}

function combine(left: Value, right: Value, apply: Binary): Value {
  if (typeof left === "number" && typeof right === "number") return apply(left, right);
  const n = typeof left === "number" ? (right as Float64Array).length : left.length;
  const out = new Float64Array(n);
  if (typeof left === "number") {
    const column = right as Float64Array;
    for (let i = 0; i < n; i++) out[i] = apply(left, column[i] as number);
  } else if (typeof right === "number") {
    for (let i = 0; i < n; i++) out[i] = apply(left[i] as number, right);
  } else {
    for (let i = 0; i < n; i++) out[i] = apply(left[i] as number, right[i] as number);
  }
  return out;
}

function choose(condition: Value, yes: Value, no: Value): Value {
  const pick = (c: number, i: number): number => (Number.isNaN(c) ? c : c !== 0 ? at(yes, i) : at(no, i));
  if (typeof condition !== "number") return condition.map(pick);
  return Number.isNaN(condition) ? condition : condition !== 0 ? yes : no;
}
