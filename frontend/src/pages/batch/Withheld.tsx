import type { ReactNode } from "react";
import { usePerson } from "../../api/usePerson";

interface Props {
  /** What is withheld, as the beginning of a sentence, such as "Its command is". */
  children: ReactNode;
  to?: string;
}

/** Say in the place of what is withheld to whom it is shown. */
export function Withheld({ children, to = "its owner and operators" }: Props) {
  const { data: person } = usePerson();
  return (
    <p className="muted withheld">
      {children} shown to {to}.{person?.role === "anonymous" && " Sign in if that is you."}
    </p>
  );
}
