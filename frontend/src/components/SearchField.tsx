import { useEffect, useRef, useState } from "react";

interface Props {
  label: string;
  placeholder: string;
  value: string;
  onChange: (value: string) => void;
}

const PAUSE_MS = 120;

/**
 * A field to type into, whose text is told after a short pause, or when the field is left: the address of the page
 * need not change with each key.
 */
export function SearchField({ label, placeholder, value, onChange }: Props) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const waiting = useRef<{ timer: ReturnType<typeof setTimeout>; text: string }>(undefined);
  const tell = useRef(onChange);
  tell.current = onChange;
  // Whoever types is right; else a link or the way back has changed it.
  useEffect(() => {
    if (document.activeElement !== input.current) setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(waiting.current?.timer), []);
  const told = () => {
    if (!waiting.current) return;
    const { timer, text } = waiting.current;
    clearTimeout(timer);
    waiting.current = undefined;
    tell.current(text);
  };
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
        clearTimeout(waiting.current?.timer);
        waiting.current = { timer: setTimeout(told, PAUSE_MS), text: now };
      }}
      onBlur={told}
    />
  );
}
