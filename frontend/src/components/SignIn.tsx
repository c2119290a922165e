import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useRef, useState } from "react";
import { ask } from "../api/ask";
import type { Person } from "../api/batch";
import { keepToken, token } from "../api/session";
import { useSite } from "../api/useLive";

/** The button of who is not known yet, with the dialog that takes a token. */
export function SignIn() {
  const site = useSite();
  const client = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const id = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const before = token();
    const given = input.current?.value.trim() ?? "";
    if (!given) return setProblem("Paste the token here.");
    setBusy(true);
    keepToken(given);
    try {
      const person = await ask<Person>(`${site.address}whoami`);
      client.setQueryData(["whoami"], person);
      client.invalidateQueries();
      setProblem("");
      dialog.current?.close();
    } catch (error) {
      keepToken(before);
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" className="sign-in" onClick={() => dialog.current?.showModal()}>
        Sign in
      </button>
      <dialog ref={dialog} className="keys" aria-labelledby={`${id}-title`}>
        <h2 id={`${id}-title`}>Sign in</h2>
        <form className="form" onSubmit={submit} noValidate>
          <div className="field wide">
            <label htmlFor={id}>Token</label>
            <input
              ref={input}
              id={id}
              type="password"
              autoComplete="off"
              className="mono"
              aria-invalid={problem ? true : undefined}
              aria-describedby={`${id}-hint ${id}-wrong`}
            />
            <p className="error-text" id={`${id}-wrong`} role="alert">
              {problem}
            </p>
            <p className="hint" id={`${id}-hint`}>
              An administrator makes one with <code>jobmon token create NAME</code>. It is kept in this tab only, until
              it is closed.
            </p>
          </div>
          <div className="buttons wide">
            <button type="submit" className="strong" disabled={busy}>
              Sign in
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
