import { memo, useMemo } from "react";
import { useNavigate } from "react-router";
import { Shape } from "../../components/Shape";
import { count, counted, share } from "../../lib/format";
import type { Mark } from "../../lib/marks";
import type { Model } from "./model";
import { arc, slicesOf } from "./ring";
import type { Selection } from "./selection";

interface Props {
  model: Model;
  selection: Selection;
  /** The user who is pointed at, here or in the list. */
  hovered: string | null;
  onHover: (user: string | null) => void;
}

const marks: readonly Mark[] = ["bad", "warn", "ok", "unknown"];
const words: Record<Mark, string> = { bad: "wasteful", warn: "need attention", ok: "fine", unknown: "not judged" };

/** Who has how much of the cluster; the list of users beside it says the same in numbers. */
export const UsageRing = memo(function UsageRing({ model, selection, hovered, onHover }: Props) {
  const navigate = useNavigate();
  const { used, of } = model.totals.cores;
  const slices = useMemo(() => slicesOf(model.users, of), [model, of]);
  const shown = model.users.find((user) => user.name === (hovered ?? selection.user));
  if (slices.length === 0) return null;
  const chosen = selection.user;
  return (
    <div className="ring">
      <svg
        viewBox="-54 -54 108 108"
        role="img"
        aria-label={`Cores in use by user: ${share(used, of)}; the list has the numbers`}
        onMouseLeave={() => onHover(null)}
      >
        <path className="ring-rest" d={arc({ from: 0, to: 1 }, 36, 48)} />
        {slices.map(({ user, from, to }) => {
          const near = user.name === hovered || user.name === chosen;
          return (
            // biome-ignore lint/a11y/noStaticElementInteractions: the list beside it offers the same to the keyboard
            <path
              key={user.name}
              className={`slice ${user.mark} ${near ? "near" : ""}`}
              d={arc({ from, to }, 36, near ? 53 : 48)}
              onMouseEnter={() => onHover(user.name)}
              onClick={() => navigate(selection.to({ user: user.name === chosen ? null : user.name, view: "jobs" }))}
            />
          );
        })}
        <text className="ring-share" y="2">
          {share(used, of)}
        </text>
        <text className="ring-words" y="15">
          of cores
        </text>
      </svg>
      {shown ? (
        <p className="ring-told">
          <b>{shown.name}</b>
          <span>
            {counted(shown.cores, "core")}, {share(shown.cores, of)}
          </span>
          <span className="muted">
            {counted(shown.running, "running job")}
            {shown.warned > 0 && `, ${count(shown.warned)} in need of attention`}
          </span>
        </p>
      ) : (
        <ul className="ring-told">
          <li className="muted">
            <span>{counted(slices.length, "user")} with running jobs</span>
          </li>
          {marks.map((mark) => {
            const users = slices.filter(({ user }) => user.mark === mark).map(({ user }) => user);
            if (users.length === 0) return null;
            const cores = users.reduce((sum, user) => sum + user.cores, 0);
            return (
              <li key={mark}>
                <Shape mark={mark} label="" />
                <span>
                  {count(users.length)} {words[mark]}
                </span>
                <span className="muted">{share(cores, of)}</span>
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
});
