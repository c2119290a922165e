import { useContext, useEffect, useRef, useState } from "react";
import { Failed } from "./Failures";

interface Props {
  title: string;
  /** Asked before it is done; left out for what can be undone. */
  confirm?: { question: string; yes: string } | undefined;
  /** Why it cannot be done now; shown as the button's tooltip. */
  refused?: string;
  strong?: boolean;
  onAct: () => Promise<unknown>;
}

/** A button that does something elsewhere: it asks first where that is final, and says what went wrong beside it. */
export function ActionButton({ title, confirm, refused, strong, onAct }: Props) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const yes = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const back = useRef(false);
  const place = useRef<HTMLSpanElement>(null);
  const tellOutside = useContext(Failed);
  const failure = useRef("");
  const gone = useRef(false);
  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
      if (failure.current) tellOutside(failure.current);
    };
  }, [tellOutside]);
  useEffect(() => {
    if (asking) yes.current?.focus();
    else if (back.current) first.current?.focus();
    back.current = asking;
  }, [asking]);
  const act = async () => {
    const panel = place.current?.closest(".panel");
    const told = (message: string) => {
      failure.current = message;
      setError(message);
      tellOutside(gone.current ? message : "");
    };
    setBusy(true);
    told("");
    try {
      await onAct();
      // What was pressed may be gone now: whoever uses the keyboard stays in the panel.
      setTimeout(() => {
        if (document.activeElement === document.body) panel?.querySelector<HTMLElement>("button, a")?.focus();
      }, 300);
    } catch (problem) {
      told(problem instanceof Error ? problem.message : String(problem));
    }
    setBusy(false);
    setAsking(false);
  };
  return (
    <span className="action" ref={place}>
      {asking && confirm ? (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a row of buttons everywhere
        <span role="group" aria-label={confirm.question} className="confirm">
          <span>{confirm.question}</span>
          <button type="button" className="danger" ref={yes} disabled={busy} onClick={act}>
            {confirm.yes}
          </button>
          <button type="button" disabled={busy} onClick={() => setAsking(false)}>
            No
          </button>
        </span>
      ) : (
        <button
          type="button"
          ref={first}
          className={strong ? "strong" : undefined}
          disabled={busy || Boolean(refused)}
          title={refused || undefined}
          onClick={() => (confirm ? setAsking(true) : act())}
        >
          {busy ? `${title} …` : title}
        </button>
      )}
      {error && (
        <span role="alert" className="error-text">
          {error}
        </span>
      )}
    </span>
  );
}
