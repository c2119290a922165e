import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

interface Props<T> {
  query: Pick<UseQueryResult<T>, "data" | "error">;
  children: (data: T) => ReactNode;
}

/** What an address has answered: the last good answer stays, with what is wrong now above it. */
export function Answer<T>({ query: { data, error }, children }: Props<T>) {
  return (
    <>
      {error && (
        <p className={`notice ${data === undefined ? "bad" : "warn"}`} role="alert">
          {error.message} It is tried again every few seconds.
        </p>
      )}
      {data !== undefined ? (
        children(data)
      ) : error ? null : (
        <p className="empty" role="status">
          Reading …
        </p>
      )}
    </>
  );
}
