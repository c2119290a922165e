// Formulas of the rule table over whole tables of rows × points. Unknown is NaN; truth is 1, 0 or NaN.

export type Expression = number | string | readonly [string, ...Expression[]];

/** A number, one number per row, or one per row and point: element (row, point) is data[row × byRow + point × byPoint]. */
export interface Value {
  data: Float64Array;
  byRow: number;
  byPoint: number;
}

export interface Size {
  rows: number;
  points: number;
}

/** Make a value that is the same everywhere. */
export const constant = (value: number): Value => ({ data: Float64Array.of(value), byRow: 0, byPoint: 0 });

/** Make a value of one number per row. */
export const perRow = (data: Float64Array): Value => ({ data, byRow: 1, byPoint: 0 });

/** Make a value of one number per row and point, row after row. */
export const perPoint = (data: Float64Array, points: number): Value => ({ data, byRow: points, byPoint: 1 });

/** Return one element of a value. */
export function at(value: Value, row: number, point: number): number {
  return value.data[row * value.byRow + point * value.byPoint] as number;
}

/** Say whether a truth value is known and not 0. */
export const isTrue = (a: number): boolean => a !== 0 && !Number.isNaN(a);

/** Evaluate a formula for all elements at once. */
export function evaluate(expression: Expression, variables: Readonly<Record<string, Value>>, size: Size): Value {
  if (typeof expression === "number") return constant(expression);
  if (typeof expression === "string") {
    const value = Object.hasOwn(variables, expression) ? variables[expression] : undefined;
    if (value === undefined) throw new Error(`formula names "${expression}", which is not known`);
    return value;
  }
  const [operator, ...rest] = expression;
  const operands = rest.map((operand) => evaluate(operand, variables, size));
  const [first, second, third] = operands;
  if (first === undefined) throw new Error(`formula: ${operator} has no operand`);
  if (operator === "not") return combine(first, first, size, slow(negate));
  if (operator === "if") {
    if (second === undefined || third === undefined) throw new Error("formula: if needs three operands");
    return choose(first, second, third, size);
  }
  const loop = Object.hasOwn(loops, operator) ? loops[operator] : undefined;
  if (loop === undefined) throw new Error(`formula: unknown operator "${operator}"`);
  if (operator === "-" && second === undefined) return combine(constant(0), first, size, loop);
  return operands.slice(1).reduce((left, right) => combine(left, right, size, loop), first);
}

/** Fill out[k…] from n elements of a, from i on in steps of di, and as many of b. */
type Loop = (
  a: Float64Array,
  i: number,
  di: number,
  b: Float64Array,
  j: number,
  dj: number,
  out: Float64Array,
  k: number,
  n: number,
) => void;

// The frequent operators have loops of their own: one shared loop with a function for the operator is five times slower.
const loops: Readonly<Record<string, Loop>> = {
  "+": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) out[k + m] = (a[i + m * di] as number) + (b[j + m * dj] as number);
  },
  "-": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) out[k + m] = (a[i + m * di] as number) - (b[j + m * dj] as number);
  },
  "*": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) out[k + m] = (a[i + m * di] as number) * (b[j + m * dj] as number);
  },
  "/": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) out[k + m] = (a[i + m * di] as number) / (b[j + m * dj] as number);
  },
  "<": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) {
      const x = a[i + m * di] as number;
      const y = b[j + m * dj] as number;
      out[k + m] = x < y ? 1 : x >= y ? 0 : Number.NaN;
    }
  },
  ">": (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) {
      const x = a[i + m * di] as number;
      const y = b[j + m * dj] as number;
      out[k + m] = x > y ? 1 : x <= y ? 0 : Number.NaN;
    }
  },
  "<=": slow((a, b) => truth(a, b, a <= b)),
  ">=": slow((a, b) => truth(a, b, a >= b)),
  min: slow(Math.min),
  max: slow(Math.max),
  // One false operand settles `and`, one true operand settles `or`, whatever the other may be.
  and: slow((a, b) => (a === 0 || b === 0 ? 0 : truth(a, b, true))),
  or: slow((a, b) => (isTrue(a) || isTrue(b) ? 1 : truth(a, b, false))),
};

function truth(a: number, b: number, known: boolean): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : known ? 1 : 0;
}

function negate(a: number): number {
  return Number.isNaN(a) ? a : a === 0 ? 1 : 0;
}

function slow(apply: (a: number, b: number) => number): Loop {
  return (a, i, di, b, j, dj, out, k, n) => {
    for (let m = 0; m < n; m++) out[k + m] = apply(a[i + m * di] as number, b[j + m * dj] as number);
  };
}

/** Apply a loop in the smallest shape that holds both operands. */
function combine(a: Value, b: Value, size: Size, loop: Loop): Value {
  const value = shaped([a, b], size);
  const { data } = value;
  if (value.byPoint) {
    const { rows, points } = size;
    for (let row = 0; row < rows; row++) {
      loop(a.data, row * a.byRow, a.byPoint, b.data, row * b.byRow, b.byPoint, data, row * points, points);
    }
  } else {
    loop(a.data, 0, a.byRow, b.data, 0, b.byRow, data, 0, data.length);
  }
  return value;
}

function choose(condition: Value, yes: Value, no: Value, size: Size): Value {
  const value = shaped([condition, yes, no], size);
  let i = 0;
  for (let r = 0; r < (value.byRow ? size.rows : 1); r++) {
    for (let p = 0; p < (value.byPoint ? size.points : 1); p++) {
      const known = at(condition, r, p);
      value.data[i++] = Number.isNaN(known) ? known : at(known !== 0 ? yes : no, r, p);
    }
  }
  return value;
}

function shaped(operands: readonly Value[], { rows, points }: Size): Value {
  if (operands.some((operand) => operand.byPoint)) return perPoint(new Float64Array(rows * points), points);
  return operands.some((operand) => operand.byRow) ? perRow(new Float64Array(rows)) : constant(Number.NaN);
}
