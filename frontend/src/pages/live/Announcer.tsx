import { useEffect, useRef, useState } from "react";

const QUIET_S = 60;

/** Tells a screen reader a sentence when it has changed, at most once a minute; the first one is read with the page. */
export function Announcer({ words }: { words: string }) {
  const [told, setTold] = useState("");
  const last = useRef({ words, at: Date.now() });
  useEffect(() => {
    const { current } = last;
    if (words === current.words) return;
    const wait = Math.max(0, current.at + QUIET_S * 1000 - Date.now());
    const timer = setTimeout(() => {
      last.current = { words, at: Date.now() };
      setTold(words);
    }, wait);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <p className="sr" role="status" aria-label="News">
      {told}
    </p>
  );
}
