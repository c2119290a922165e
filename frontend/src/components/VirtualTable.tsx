import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";

export interface ColumnOf<Row> {
  key: string;
  title: string;
  /** Longer words for the head's tooltip. */
  hint?: string;
  className?: string;
  /** Sorting by this column, when the head can be pressed. */
  sortable?: boolean;
  cell: (row: Row) => ReactNode;
}

interface Props<Row> {
  caption: string;
  columns: ColumnOf<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  rowClass?: (row: Row) => string;
  sort?: string;
  onSort?: (key: string) => void;
  selected?: string | undefined;
  /** The row that is pointed at; null when none is any more. */
  onPoint?: (row: Row | null) => void;
  empty: ReactNode;
}

export const ROW = 30;
const SPARE = 8;

/** A table with a sticky head that draws only the rows in view; arrow keys go from row to row. */
export function VirtualTable<Row>(props: Props<Row>) {
  const { caption, columns, rows, rowKey, rowClass, sort, onSort, selected, onPoint, empty } = props;
  const box = useRef<HTMLDivElement>(null);
  const focusNext = useRef<number | null>(null);
  const [view, setView] = useState({ top: 0, height: 900 });

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);

  const first = Math.max(0, Math.min(rows.length - 1, Math.floor(view.top / ROW)) - SPARE);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + SPARE);

  useEffect(() => {
    if (focusNext.current === null) return;
    const link = box.current?.querySelector<HTMLElement>(`tr[data-row="${focusNext.current}"] a`);
    if (!link) return;
    focusNext.current = null;
    link.focus();
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const row = (event.target as Element).closest("tr[data-row]");
    const element = box.current;
    if (!row || !element || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(element.clientHeight / ROW) - 2);
    const end = rows.length;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -end, End: end };
    const step = Object.hasOwn(steps, event.key) ? steps[event.key as keyof typeof steps] : 0;
    const now = Number(row.getAttribute("data-row"));
    const next = Math.max(0, Math.min(end - 1, now + step));
    if (step === 0) return;
    event.preventDefault();
    if (next === now) return;
    const head = element.querySelector("thead")?.clientHeight ?? ROW;
    const top = next * ROW;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + ROW + head > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + ROW + head - element.clientHeight;
    }
    focusNext.current = next;
    setView({ top: element.scrollTop, height: element.clientHeight });
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the links inside
    <div className="scroll" ref={box} onKeyDown={onKeyDown}>
      <table className="list" aria-label={caption} aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={column.className}
                title={column.hint}
                aria-sort={sort === column.key ? "descending" : undefined}
              >
                {column.sortable && onSort ? (
                  <button type="button" onClick={() => onSort(column.key)} aria-pressed={sort === column.key}>
                    {column.title}
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <Gap rows={first} />}
          {rows.slice(first, last).map((row, i) => {
            const key = rowKey(row);
            return (
              <tr
                key={key}
                data-row={first + i}
                aria-rowindex={first + i + 2}
                {...(onPoint && { onMouseEnter: () => onPoint(row), onMouseLeave: () => onPoint(null) })}
                className={`row ${rowClass?.(row) ?? ""} ${key === selected ? "selected" : ""}`}
              >
                {columns.map((column) => (
                  <td key={column.key} className={column.className}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {last < rows.length && <Gap rows={rows.length - last} />}
        </tbody>
      </table>
      {rows.length === 0 && <div className="empty">{empty}</div>}
    </div>
  );
}

function Gap({ rows }: { rows: number }) {
  return (
    <tr className="gap">
      <td style={{ height: rows * ROW }} />
    </tr>
  );
}
