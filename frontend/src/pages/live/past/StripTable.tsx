import { count, moment } from "../../../lib/format";
import type { Strip } from "./strip";

const MOST = 100;

/** The strip's numbers as a table, thinned to what can be read. */
export function StripTable({ strip, title }: { strip: Strip; title: string }) {
  const step = Math.ceil(strip.bars.length / MOST);
  const bars = strip.bars.filter((_, i) => i % step === 0);
  return (
    <details className="table-twin">
      <summary>{title} as a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">Cores in use</th>
            {bars.some((bar) => bar.rest > 0) && <th scope="col">Free</th>}
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <tr key={bar.time}>
              <td>{moment(bar.time)}</td>
              <td>{count(bar.used)}</td>
              {bars.some((one) => one.rest > 0) && <td>{count(bar.rest)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
