import { Link } from "react-router";
import { VirtualTable } from "../../../components/VirtualTable";
import { count } from "../../../lib/format";
import type { Selection } from "../selection";
import type { Queue, UserQueue } from "./queue";

/** The queue by user. */
export function QueueUsers({ queue, selection }: { queue: Queue; selection: Selection }) {
  const share = (user: UserQueue) => (queue.coreHours > 0 ? (100 * user.coreHours) / queue.coreHours : 0);
  return (
    <VirtualTable
      caption="Users who wait"
      columns={[
        {
          key: "user",
          title: "User",
          className: "grow",
          cell: (user) => (
            <Link
              to={selection.to({ user: user.name === selection.user ? null : user.name, job: null })}
              aria-current={user.name === selection.user ? "true" : undefined}
            >
              {user.name}
            </Link>
          ),
        },
        {
          key: "jobs",
          title: "Jobs",
          hint: "Tasks of arrays counted",
          className: "num narrow",
          cell: (u) => count(u.tasks),
        },
        { key: "cores", title: "Cores", className: "num narrow", cell: (user) => count(user.cores) },
        { key: "hours", title: "Core-h", className: "num", cell: (user) => count(user.coreHours) },
        { key: "share", title: "%", className: "num narrow", cell: (user) => count(share(user)) },
      ]}
      rows={queue.users}
      rowKey={(user) => user.name}
      selected={selection.user}
      empty="Nobody waits."
    />
  );
}
