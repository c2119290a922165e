import { type KeyboardEvent, memo, type PointerEvent, useRef, useState } from "react";
import { type Declared, namesAt } from "../../../lib/declared";
import { count, moment } from "../../../lib/format";
import { placeOf, type Strip, ticksOf, timeAt } from "./strip";

interface Props {
  strip: Strip;
  /** What was declared in the strip's span. */
  marks: readonly Declared[];
  label: string;
  /** Epoch seconds of what is shown, and of what it is compared with. */
  at: number;
  other: number | null;
  /** Called while the hand moves, and for the last time when it has come to rest. */
  onMove: (time: number) => void;
  /** Called with Shift held: the instant to compare with. */
  onOther: (time: number) => void;
}

/** Used and free cores over time; a click, a drag or the arrow keys choose an instant. */
export function TimeStrip({ strip, marks, label, at, other, onMove, onOther }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState<number | null>(null);
  const timeOf = (event: PointerEvent): number => {
    const area = box.current?.getBoundingClientRect();
    return area ? timeAt(strip, (event.clientX - area.left) / area.width) : at;
  };
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    if (event.shiftKey) onOther(timeOf(event));
    else onMove(timeOf(event));
  };
  const onDrag = (event: PointerEvent) => {
    setHover(timeOf(event));
    if (event.buttons & 1) (event.shiftKey ? onOther : onMove)(timeOf(event));
  };
  const onKey = (event: KeyboardEvent) => {
    const step = Math.max(strip.step, 60);
    const to = {
      ArrowLeft: at - step,
      ArrowRight: at + step,
      PageDown: at - 12 * step,
      PageUp: at + 12 * step,
      Home: strip.from,
      End: strip.to,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    onMove(Math.min(strip.to, Math.max(strip.from, to)));
  };
  const shown = hover ?? at;
  const bar = barAt(strip, shown);
  const reach = Math.max(strip.step / 2, (strip.to - strip.from) / 200);
  const chosen = barAt(strip, at);
  const spoken = [
    moment(at),
    ...(chosen ? [`${count(chosen.used)} cores in use`] : []),
    ...namesAt(marks, at, reach).map((name) => `mark: ${name}`),
  ];
  const named = namesAt(marks, shown, reach);
  return (
    <div className="strip">
      <div
        ref={box}
        className="strip-area"
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={Math.floor(strip.from)}
        aria-valuemax={Math.ceil(strip.to)}
        aria-valuenow={Math.round(Math.min(strip.to, Math.max(strip.from, at)))}
        aria-valuetext={spoken.join(", ")}
        onPointerDown={onDown}
        onPointerMove={onDrag}
        onPointerLeave={() => setHover(null)}
        onKeyDown={onKey}
      >
        <Bars strip={strip} />
        <Flags strip={strip} marks={marks} />
        {other !== null && <Hand strip={strip} time={other} tone="other" />}
        <Hand strip={strip} time={at} tone="shown" />
        {hover !== null && <Hand strip={strip} time={hover} tone="hover" />}
      </div>
      <div className="ticks" aria-hidden="true">
        {ticksOf(strip, 12).map((tick) => (
          <span key={tick.time} style={{ left: `${100 * placeOf(strip, tick.time)}%` }}>
            {tick.label}
          </span>
        ))}
      </div>
      <p className="readout" aria-hidden="true">
        <b>{moment(shown)}</b>{" "}
        {bar ? (
          <>
            <i className="swatch used" /> {count(bar.used)} cores in use
            {bar.rest > 0 && (
              <>
                {" "}
                <i className="swatch free" /> {count(bar.rest)} free
              </>
            )}
          </>
        ) : (
          <span className="muted">nothing is known of this time</span>
        )}
        {named.length > 0 && (
          <span className="mark-names">
            <i className="pennant" /> <bdi>{named.join(", ")}</bdi>
          </span>
        )}
      </p>
    </div>
  );
}

function barAt(strip: Strip, time: number) {
  return strip.bars.findLast((bar) => bar.time <= time && time < bar.time + strip.step);
}

function Hand({ strip, time, tone }: { strip: Strip; time: number; tone: string }) {
  if (time < strip.from || time > strip.to + strip.step) return null;
  return <i className={`hand ${tone}`} style={{ left: `${100 * placeOf(strip, time)}%` }} />;
}

const Bars = memo(function Bars({ strip }: { strip: Strip }) {
  const width = strip.to - strip.from;
  const path = (part: (bar: Strip["bars"][number]) => [number, number]) =>
    strip.bars
      .map((bar) => {
        const [from, to] = part(bar);
        const x = Math.max(0, bar.time - strip.from);
        const w = Math.min(width, bar.time + strip.step - strip.from) - x;
        return to > from && w > 0 ? `M${x} ${strip.top - from}h${w}V${strip.top - to}h${-w}Z` : "";
      })
      .join("");
  return (
    <svg viewBox={`0 0 ${width} ${strip.top}`} preserveAspectRatio="none" aria-hidden="true">
      <path className="free" d={path((bar) => [bar.used, bar.used + bar.rest])} />
      <path className="used" d={path((bar) => [0, bar.used])} />
    </svg>
  );
});

const Flags = memo(function Flags({ strip, marks }: { strip: Strip; marks: readonly Declared[] }) {
  return marks.map((mark) => {
    const left = 100 * placeOf(strip, mark.at);
    const width = 100 * placeOf(strip, mark.until ?? mark.at) - left;
    return (
      <i
        key={mark.id}
        className={`flag ${mark.at < strip.from ? "began" : ""} ${mark.until === null ? "moment" : ""}`}
        style={{ left: `${left}%`, width: `${width}%` }}
      />
    );
  });
});
