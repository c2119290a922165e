import { useEffect, useRef, useState } from "react";

interface Props {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
}

const PAUSE_MS = 120;

/** A field to type into, whose text is told after a short pause: the address of the page need not change with each key. */
export function SearchField({ label, placeholder, value, onChange }: Props) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const tell = useRef(onChange);
  tell.current = onChange;
  // Whoever types is right; else a link or the way back has changed it.
  useEffect(() => {
    if (document.activeElement !== input.current) setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      ref={input}
      type="search"
      aria-label={label}
      placeholder={placeholder}
      value={text}
      onChange={(event) => {
        const now = event.target.value;
        setText(now);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => tell.current(now), PAUSE_MS);
      }}
    />
  );
}
