import { useEffect, useMemo, useState } from "react";
import { serverNow } from "../../../api/fetch";
import type { Live } from "../../../api/live";
import type { Usage } from "../../../api/types.gen";
import { useDeclared } from "../../../api/useDeclared";
import { CopyButton } from "../../../components/CopyButton";
import { DeclaredList } from "../../../components/DeclaredList";
import { ErrorBoundary } from "../../../components/ErrorBoundary";
import { Segments } from "../../../components/Segments";
import { within } from "../../../lib/declared";
import { clock, moment, span } from "../../../lib/format";
import type { Selection } from "../selection";
import { PastTabs } from "./PastTabs";
import { StripTable } from "./StripTable";
import { stripOf } from "./strip";
import { TimeStrip } from "./TimeStrip";
import { useUsage } from "./usePast";

interface Props {
  present: Live;
  /** Time of the snapshot on screen. */
  shown: number | null;
  at: number | null;
  other: number | null;
  loading: boolean;
  selection: Selection;
}

const tiers: readonly { value: Usage["tier"]; title: string }[] = [
  { value: "day", title: "Day" },
  { value: "month", title: "Month" },
  { value: "year", title: "Year" },
];

/** Seconds of the past for each second of play. */
const speeds = [300, 900, 3600];

export function TimeMachine({ present, shown, at, other, loading, selection }: Props) {
  const [tier, setTier] = useState<Usage["tier"]>("day");
  const usage = useUsage(tier);
  const newest = present.snapshot.timestamp;
  const { user } = selection;
  const strip = useMemo(
    () => (usage.data ? stripOf(usage.data, Math.max(newest, usage.data.times.at(-1) ?? 0), user) : null),
    [usage.data, newest, user],
  );
  const declared = useDeclared();
  const marks = useMemo(() => (strip ? within(declared, strip.from, strip.to) : []), [declared, strip]);
  const time = at ?? newest;
  const go = (to: number) => selection.set({ at: String(Math.round(Math.min(to, newest))) });
  const play = usePlay(time, newest, loading, go);
  const whose = user ? `Cores of ${user}` : "Cores in use and free";
  return (
    <section className="time-machine" aria-label="Time machine">
      <div className="machine-bar">
        <PastTabs />
        <span className="machine-clock">
          <time dateTime={new Date((shown ?? time) * 1000).toISOString()}>
            <b>{clock(shown ?? time)}</b> {moment(shown ?? time).replace(/ [\d:]+$/, "")}
          </time>{" "}
          <span className="muted">{loading ? "reading …" : `${span(serverNow() - (shown ?? time))} ago`}</span>
        </span>
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row of buttons everywhere */}
        <span className="machine-keys" role="group" aria-label="Move in time">
          <button type="button" onClick={() => go(time - 3600)}>
            − 1 h
          </button>
          <button type="button" onClick={() => go(time - present.snapshot.interval)}>
            ‹ <span className="wide-only">Before</span>
          </button>
          <button type="button" aria-pressed={play.speed > 0} onClick={play.next} title="Play forward">
            {play.speed > 0 ? `Stop (${span(play.speed)}/s)` : "▸ Play"}
          </button>
          {play.speed > 0 && (
            <button type="button" onClick={play.faster}>
              Faster
            </button>
          )}
          <button type="button" onClick={() => go(time + present.snapshot.interval)}>
            <span className="wide-only">After</span> ›
          </button>
          <button type="button" onClick={() => go(time + 3600)}>
            + 1 h
          </button>
        </span>
        <label className="machine-date">
          <span className="sr">Date and time</span>
          <input
            type="datetime-local"
            value={local(time)}
            max={local(newest)}
            onChange={(event) => {
              const chosen = new Date(event.target.value).getTime() / 1000;
              if (Number.isFinite(chosen)) go(chosen);
            }}
          />
        </label>
        {other === null ? (
          <button type="button" onClick={() => selection.set({ at: String(time), with: String(time - 3600) }, false)}>
            Compare
          </button>
        ) : (
          <button type="button" onClick={() => selection.set({ with: null }, false)}>
            End comparison
          </button>
        )}
        <CopyButton text={() => linkTo(time)} title="Copy link" />
        <span className="fill" />
        <Segments label="Length of the strip" options={tiers} value={tier} onChange={setTier} />
      </div>
      <ErrorBoundary part="The strip" version={usage.data}>
        {usage.error && !usage.data ? (
          <p className="notice warn">{usage.error.message}. Times can still be typed in.</p>
        ) : strip ? (
          <>
            <TimeStrip
              strip={strip}
              marks={marks}
              label={`${whose}; the instant shown`}
              at={time}
              other={other}
              onMove={go}
              onOther={(to) => selection.set({ at: String(time), with: String(to) })}
            />
            <div className="twins">
              <StripTable strip={strip} title={whose} />
              <DeclaredList marks={marks} onGo={(to) => go(Math.max(to, strip.from))} />
            </div>
          </>
        ) : (
          <p className="muted">Reading the strip …</p>
        )}
      </ErrorBoundary>
    </section>
  );
}

/** Go forward second by second; the next step waits until the one before is on screen. */
function usePlay(time: number, newest: number, loading: boolean, go: (to: number) => void) {
  const [speed, setSpeed] = useState(0);
  useEffect(() => {
    if (speed === 0 || loading) return;
    if (time >= newest) {
      setSpeed(0);
      return;
    }
    const timer = setTimeout(() => go(time + speed), 1000);
    return () => clearTimeout(timer);
  }, [speed, loading, time, newest, go]);
  return {
    speed,
    next: () => setSpeed(speed > 0 ? 0 : (speeds[0] as number)),
    faster: () => setSpeed(speeds[(speeds.indexOf(speed) + 1) % speeds.length] as number),
  };
}

/** Return a link to an instant that others can open. */
function linkTo(time: number): string {
  const url = new URL(window.location.href);
  const [path, search = ""] = url.hash.split("?");
  const params = new URLSearchParams(search);
  params.set("at", String(time));
  url.hash = `${path}?${params}`;
  return url.href;
}

/** Write a time as the input for dates wants it, in local time. */
function local(epoch: number): string {
  const date = new Date(epoch * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
