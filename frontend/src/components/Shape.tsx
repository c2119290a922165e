import type { Mark } from "../lib/marks";
import { markWords } from "../lib/marks";

/** A judgement as a shape and a colour: disc, triangle, diamond, dashed ring. Silent with the label "". */
export function Shape({ mark, label }: { mark: Mark; label?: string }) {
  const text = label ?? markWords[mark];
  const spoken = text ? { role: "img", "aria-label": text } : { "aria-hidden": true };
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: where it has no title the words beside it say the same
    <svg className={`shape ${mark}`} viewBox="0 0 12 12" {...spoken}>
      {text && <title>{text}</title>}
      {mark === "ok" && <circle cx="6" cy="6" r="3.4" />}
      {mark === "warn" && <path d="M6 1 11.4 10.6H.6Z" />}
      {mark === "bad" && <path d="M6 .3 11.7 6 6 11.7.3 6Z" />}
      {mark === "unknown" && <circle cx="6" cy="6" r="4" fill="none" strokeWidth="1.4" strokeDasharray="2 1.6" />}
    </svg>
  );
}
