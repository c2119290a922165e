import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, useLocation } from "react-router";
import { AskError } from "../api/ask";
import { keepToken, token } from "../api/session";
import { usePerson } from "../api/usePerson";
import { SignIn } from "./SignIn";

interface Props {
  /** What the published files call the reader; "" for nobody. */
  name: string;
  /** Whether the daemon can be asked who the reader is. */
  asked: boolean;
}

/** Who has signed in, with a link to that person's own jobs; or the way to sign in. */
export function Account({ name, asked }: Props) {
  const client = useQueryClient();
  const { pathname, search } = useLocation();
  const { data: person, error } = usePerson(asked);
  const revoked = error instanceof AskError && error.status === 401 && token() !== "";
  useEffect(() => {
    // A token that was revoked or has run out would keep its owner from what everybody may see.
    if (!revoked) return;
    keepToken("");
    client.invalidateQueries();
  }, [revoked, client]);
  const leave = () => {
    keepToken("");
    client.resetQueries();
  };
  const own = new URLSearchParams(pathname.startsWith("/batch") ? "" : search);
  own.delete("job");
  const shown = name || person?.shown || person?.user || "";
  own.set("user", shown);
  return (
    <>
      {shown && (
        <Link
          className="account"
          to={{ pathname: pathname.startsWith("/batch") ? "/" : pathname, search: own.toString() }}
          title={person?.staff ? `Show my jobs (signed in as ${person.role})` : "Show my jobs"}
        >
          {shown}
        </Link>
      )}
      {person?.role === "anonymous" && !name && <SignIn />}
      {token() !== "" && person?.user && (
        <button type="button" className="quiet sign-out" onClick={leave}>
          Sign out
        </button>
      )}
    </>
  );
}
