import type { Dot } from "./marks";

const shapes = {
  disc: "M8 2.500a5.5 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11Z",
  ring: "M8 2.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11Z",
  diamond: "M8 .500 15.500 8 8 15.500.500 8Z",
  square: "M2 2h12v12H2Z",
  triangle: "M8 1 15.500 15H.5Z",
} as const;

/** A build's dot: letter, shape and colour say the same, and its word is there for those who see none of them. */
export function DotMark({ dot }: { dot: Dot }) {
  return (
    <span className={`dot ${dot.tone}`} title={dot.word}>
      <svg viewBox="0 0 16 16" width="18" height="18" className={dot.shape === "ring" ? "line" : ""} aria-hidden="true">
        <path d={shapes[dot.shape]} />
        {dot.letter && (
          <text x="8" y={dot.shape === "triangle" ? 13 : 11.5} textAnchor="middle">
            {dot.letter}
          </text>
        )}
      </svg>
      <span className="sr">{dot.word}</span>
    </span>
  );
}
