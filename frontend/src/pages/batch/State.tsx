import { lookOf } from "./states";

/** A state as glyph and word; `more` stands beside it in muted words. */
export function State({ status, more }: { status: string; more?: string }) {
  const look = lookOf(status);
  return (
    <span className={`batch-state ${look.tone}`} title={more ? `${look.word}: ${more}` : look.word}>
      <svg viewBox="0 0 12 12" className={look.line ? "line" : ""} aria-hidden="true">
        <path d={look.glyph} />
      </svg>
      <span className="word">{look.word}</span>
      {more && <span className="muted">{more}</span>}
    </span>
  );
}
