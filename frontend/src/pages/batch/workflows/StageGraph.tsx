import type { Stage } from "../../../api/batch";
import { lookOf } from "../states";
import { columnsOf } from "./runView";

const WIDTH = 108;
const HEIGHT = 28;
const GAP_X = 28;
const GAP_Y = 10;

interface Props {
  stages: readonly Pick<Stage, "name" | "next" | "final">[];
  /** Stage → its state, where a run is shown. */
  states?: ReadonlyMap<string, string>;
}

/** Stages as boxes with arrows to what may follow; the list below it tells the same in words. */
export function StageGraph({ stages, states }: Props) {
  const columns = columnsOf(stages);
  const spots = new Map(
    columns.flatMap((names, x) =>
      names.map((name, y) => [name, { x: x * (WIDTH + GAP_X) + 1, y: y * (HEIGHT + GAP_Y) + 1 }] as const),
    ),
  );
  const width = columns.length * (WIDTH + GAP_X) - GAP_X + 2;
  const height = Math.max(1, ...columns.map((names) => names.length)) * (HEIGHT + GAP_Y) - GAP_Y + 2;
  const arrows = stages.flatMap((stage) =>
    stage.next.flatMap((next) => {
      const from = spots.get(stage.name);
      const to = spots.get(next);
      // Ways back are told in the list alone.
      return from && to && to.x > from.x ? [{ key: `${stage.name} ${next}`, from, to }] : [];
    }),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
    <section className="stage-graph" tabIndex={0} aria-label="Stages as a graph">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={told(stages, states)}
      >
        {arrows.map(({ key, from, to }) => {
          const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x - 5, to.y + HEIGHT / 2];
          const middle = x2 - GAP_X / 2 + 4;
          return (
            <g key={key} className="arrow">
              <path d={`M${x1} ${y1}H${middle - 8}C${middle} ${y1} ${middle - 8} ${y2} ${middle} ${y2}H${x2}`} />
              <path className="head" d={`m${x2 - 1} ${y2 - 3.5} 6 3.500-6 3.500Z`} />
            </g>
          );
        })}
        {stages.map((stage) => {
          const spot = spots.get(stage.name);
          const status = states?.get(stage.name);
          const look = status === undefined ? undefined : lookOf(status);
          return (
            spot && (
              <g key={stage.name} transform={`translate(${spot.x} ${spot.y})`} className={look?.tone ?? ""}>
                <rect width={WIDTH} height={HEIGHT} rx="4" className={stage.final ? "final" : ""} />
                {look && (
                  <path transform="translate(8 8)" d={look.glyph} className={look.line ? "glyph line" : "glyph"} />
                )}
                <text x={look ? 25 : 9} y="18">
                  {short(stage.name, look ? 12 : 14)}
                </text>
              </g>
            )
          );
        })}
      </svg>
    </section>
  );
}

const short = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function told(stages: Props["stages"], states: Props["states"]): string {
  return stages
    .map(({ name, next }) => {
      const status = states?.get(name);
      return `${name}${status ? ` (${lookOf(status).word})` : ""}${next.length ? ` may lead to ${next.join(", ")}` : ""}`;
    })
    .join("; ");
}
