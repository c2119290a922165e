import { type ReactNode, useId } from "react";
import { ErrorBoundary } from "./ErrorBoundary";
import { Failures } from "./Failures";

interface Props {
  title: string;
  /** Beside the title. */
  aside?: ReactNode;
  className?: string;
  version: unknown;
  children: ReactNode;
}

/** A named region of the page that fails alone. */
export function Panel({ title, aside, className = "", version, children }: Props) {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header className="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      <ErrorBoundary part={title} version={version}>
        <Failures key={title}>{children}</Failures>
      </ErrorBoundary>
    </section>
  );
}
