import { useRef } from "react";
import { Link } from "react-router";

interface Props {
  pages: readonly { name: string; title: string }[];
  current: string;
}

/** The menu of capabilities: links in the top bar, folded up where it is narrow. */
export function Capabilities({ pages, current }: Props) {
  const folded = useRef<HTMLDetailsElement>(null);
  const links = pages.map((page) => (
    <Link
      key={page.name}
      to={`/${page.name}`}
      aria-current={page.name === current ? "page" : undefined}
      onClick={() => folded.current?.removeAttribute("open")}
    >
      {page.title}
    </Link>
  ));
  return (
    <>
      <nav className="capabilities" aria-label="Capabilities">
        {links}
      </nav>
      <details className="capability-menu" ref={folded}>
        <summary>
          {pages.find((page) => page.name === current)?.title}
          <span className="sr">, menu of capabilities</span> <span aria-hidden="true">▾</span>
        </summary>
        <nav aria-label="Capabilities">{links}</nav>
      </details>
    </>
  );
}
