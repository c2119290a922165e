import { useLayoutEffect, useRef } from "react";

interface Props {
  title: string;
  text: string;
  tall?: boolean;
  /** Show the end first, and stay there while the text grows, unless somebody has scrolled away. */
  fromEnd?: boolean;
}

/** A text as it was written, in a box that scrolls. */
export function TextBox({ title, text, tall, fromEnd }: Props) {
  const box = useRef<HTMLElement>(null);
  const stays = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the text that grows
  useLayoutEffect(() => {
    const element = box.current;
    if (fromEnd && element && stays.current) element.scrollTop = element.scrollHeight;
  }, [fromEnd, text]);
  return (
    <section
      ref={box}
      className={`text-box ${tall ? "tall" : ""}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
      tabIndex={0}
      aria-label={title}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        stays.current = scrollTop + clientHeight >= scrollHeight - 4;
      }}
    >
      <pre>{text}</pre>
    </section>
  );
}
