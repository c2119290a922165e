import { useEffect, useRef, useState } from "react";

const keys: readonly [string, string][] = [
  ["/", "Find: to the field of the list"],
  ["↓ ↑", "To the next or the last row; from a list's field to its first one"],
  ["Page ↓ ↑, Home, End", "Through a list in large steps"],
  ["Enter", "Open what is chosen"],
  ["Esc", "Close the detail, back to the list"],
  ["?", "Show these keys"],
];
const STORE = "jobmon.keys";

function stored(): boolean {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true; // storage may be forbidden
  }
}

/**
 * The keys of the page, and the button that tells them; `onClose` closes the detail, if there is one. Letters can be
 * turned off: some speak to their computers.
 */
export function Keys({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const [letters, setLetters] = useState(stored);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]")) return;
      const target = event.target as HTMLElement;
      const typing = target.closest("input, select, textarea") !== null;
      if (event.key === "Escape") {
        if (typing) target.blur();
        else if (!closeOpen()) close.current();
        return;
      }
      if (typing) {
        // From a list's field to its first row.
        const list = (event.key === "ArrowDown" || event.key === "Enter") && target.closest(".panel:has(tr.row)");
        if (!list || !target.matches('input[type="search"]')) return;
        event.preventDefault();
        list.querySelector<HTMLElement>("tr.row a")?.focus();
        return;
      }
      let done = false;
      if (letters && event.key === "/") done = focus('main input[type="search"]', ".pane-jobs input");
      else if (letters && event.key === "?") {
        dialog.current?.showModal();
        done = true;
      } else if (event.key === "ArrowDown" && (target === document.body || target.id === "main")) {
        done = focus("main tr.row a", ".pane-jobs tr.row.selected a, .pane-jobs tr.row a");
      }
      if (done) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [letters]);
  return (
    <>
      <button
        type="button"
        className="icon keys-button"
        aria-label="Show the keys"
        title="Keys"
        onClick={() => dialog.current?.showModal()}
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <rect
            x="1.2"
            y="3.7"
            width="13.6"
            height="8.6"
            rx="1.6"
            fill="none"
            stroke="currentColor"
            strokeWidth="1.3"
          />
          <path d="M4 6.4h1m2 0h1m2 0h1m-7 3h7" stroke="currentColor" strokeWidth="1.3" />
        </svg>
      </button>
      <dialog ref={dialog} className="keys" aria-labelledby="keys-title">
        <h2 id="keys-title">Keys</h2>
        <dl>
          {keys.map(([key, words]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <label>
            <input
              type="checkbox"
              checked={letters}
              onChange={(event) => {
                setLetters(event.target.checked);
                remember(event.target.checked);
              }}
            />{" "}
            Use / and ?
          </label>
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

function remember(letters: boolean): void {
  try {
    if (letters) localStorage.removeItem(STORE);
    else localStorage.setItem(STORE, "off");
  } catch (error) {
    console.info("the choice cannot be remembered", error);
  }
}

// The first of these that can be seen; columns may be hidden on a narrow screen.
function focus(...selectors: string[]): boolean {
  for (const selector of selectors.reverse()) {
    const found = [...document.querySelectorAll<HTMLElement>(selector)].find((one) => one.checkVisibility());
    if (!found) continue;
    found.focus();
    return true;
  }
  return false;
}

// What is folded out in the top bar is closed first.
function closeOpen(): boolean {
  const open = document.querySelector<HTMLDetailsElement>(".top details[open]");
  if (!open) return false;
  open.open = false;
  open.querySelector("summary")?.focus();
  return true;
}
