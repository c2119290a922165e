import { createContext, type ReactNode, useState } from "react";

/** Takes what went wrong with a button that is not there any more; "" when something is tried again. */
export const Failed = createContext<(message: string) => void>(() => {});

/**
 * Say what went wrong with a button in here that has gone since: whoever pressed it was late, and what is shown has
 * changed with the answer.
 */
export function Failures({ children }: { children: ReactNode }) {
  const [message, setMessage] = useState("");
  return (
    <Failed value={setMessage}>
      {message && (
        <p className="notice warn" role="alert">
          {message}
        </p>
      )}
      {children}
    </Failed>
  );
}
