import { Link, useLocation } from "react-router";

/** Who has signed in, with a link to that person's own jobs. */
export function Account({ name }: { name: string }) {
  const { pathname, search } = useLocation();
  if (!name) return null;
  const params = new URLSearchParams(search);
  params.set("user", name);
  params.delete("job");
  return (
    <Link className="account" to={{ pathname, search: params.toString() }} title="Show my jobs">
      {name}
    </Link>
  );
}
