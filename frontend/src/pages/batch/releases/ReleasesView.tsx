import { Link } from "react-router";
import type { KnownPackage, Versions } from "../../../api/releases";
import { useBatch } from "../../../api/useBatch";
import { usePerson } from "../../../api/usePerson";
import { Panel } from "../../../components/Panel";
import { counted, moment } from "../../../lib/format";
import { Answer } from "../Answer";
import { Close } from "../Close";
import { numberOf, useSelection } from "../selection";
import { BuildDetail } from "./BuildDetail";
import { DotMark } from "./DotMark";
import { EraseForm } from "./EraseForm";
import { dotOf } from "./marks";
import { TriggerForm } from "./TriggerForm";
import "../../../styles/releases.css";

/** Versions of packages: those that are being built first, then the newest, with a dot for each variant. */
export function ReleasesView() {
  const selection = useSelection();
  const { build, form } = selection;
  const query = useBatch<Versions>("releases");
  const known = useBatch<{ packages: KnownPackage[]; error?: string }>("releases/packages", false);
  const { data: person } = usePerson();
  const close = () => selection.set({ build: null, form: null }, false);
  return (
    <div className="split" data-shown={build || form ? "detail" : "list"}>
      <Panel
        title="Releases"
        version={query.dataUpdatedAt}
        aside={
          <>
            <span className="muted found" role="status">
              {query.data && counted(query.data.versions.length, "version")}
            </span>
            {person?.staff && (
              <button
                type="button"
                className="strong"
                onClick={() => selection.set({ form: "trigger", build: null }, false)}
              >
                Build a version
              </button>
            )}
          </>
        }
      >
        {known.data?.error && (
          <p className="notice warn" role="alert">
            {known.data.error}
          </p>
        )}
        <Answer query={query}>{(data) => <Overview data={data} shown={build} to={selection.to} />}</Answer>
      </Panel>
      {form === "trigger" ? (
        <Panel title="Build a version" className="pane-detail" version={form} aside={<Close onClose={close} />}>
          <Answer query={known}>{({ packages }) => <TriggerForm packages={packages} onDone={close} />}</Answer>
        </Panel>
      ) : form === "erase" && build ? (
        <Panel title={`Erase build ${build}`} className="pane-detail" version={form} aside={<Close onClose={close} />}>
          <EraseForm number={numberOf(build)} />
        </Panel>
      ) : build ? (
        <Panel title={`Build ${build}`} className="pane-detail" version={build} aside={<Close onClose={close} />}>
          <BuildDetail key={build} number={numberOf(build)} selection={selection} />
        </Panel>
      ) : null}
    </div>
  );
}

interface OverviewProps {
  data: Versions;
  shown: string | undefined;
  to: ReturnType<typeof useSelection>["to"];
}

function Overview({ data: { versions, variants }, shown, to }: OverviewProps) {
  if (versions.length === 0) {
    return (
      <p className="empty">
        Nothing was built yet. Describe your packages in releases.ini, and let a crontab entry start the workflow watch.
      </p>
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="grid-scroll" tabIndex={0} aria-label="Versions and their variants">
      <table className="dots">
        <thead>
          <tr>
            <th scope="col">Package</th>
            <th scope="col">Version</th>
            <th scope="col">Kind</th>
            {variants.map((variant) => (
              <th key={variant} scope="col" className="cell">
                {variant}
              </th>
            ))}
            <th scope="col">Noticed</th>
          </tr>
        </thead>
        <tbody>
          {versions.map((row) => (
            <tr key={`${row.package} ${row.version}`}>
              <th scope="row">{row.package}</th>
              <td>{row.version}</td>
              <td className="muted">{row.version_type}</td>
              {variants.map((variant) => {
                const cell = row.cells[variant];
                return (
                  <td key={variant} className="cell">
                    {cell ? (
                      <Link
                        to={to({ build: String(cell.build_id), form: null })}
                        aria-current={shown === String(cell.build_id) || undefined}
                        aria-label={`${row.package} ${row.version} ${variant}: ${dotOf(cell.mark).word}`}
                      >
                        <DotMark dot={dotOf(cell.mark)} />
                        {cell.stages.length > 0 && <span className="muted stage">{cell.stages.join(", ")}</span>}
                      </Link>
                    ) : (
                      <span className="muted">·</span>
                    )}
                  </td>
                );
              })}
              <td className="muted when">{moment(row.noticed_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="legend muted">
        {["ok", "C", "O", "T", "running"].map((mark) => (
          <span key={mark}>
            <DotMark dot={dotOf(mark)} /> {dotOf(mark).word}
          </span>
        ))}
      </p>
    </section>
  );
}
