// What is drawn on a chart beside its lines: spans in which a rule fired, and declared marks.
import uPlot from "uplot";
import type { Declared } from "../lib/declared";

/** From and to in epoch seconds, and what was the matter then. */
export type Band = readonly [number, number, string];

/** Draw a faint ground and a firm line on top: the line holds where colours are not seen. */
export function drawBands(u: uPlot, bands: readonly Band[], tone: string): void {
  const { ctx, bbox } = u;
  const thick = 3 * uPlot.pxRatio;
  for (const [from, to] of bands) {
    const [left, right] = clipped(u, from, to);
    if (!(right > left)) continue;
    ctx.fillStyle = translucent(tone, 0.13);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = tone;
    ctx.fillRect(left, bbox.top - thick, right - left, thick);
  }
}

/** Draw a flag on a broken line where a mark begins, and a faint ground to where it ends. */
export function drawMarks(u: uPlot, marks: readonly Declared[], tone: string): void {
  const { ctx, bbox } = u;
  const px = uPlot.pxRatio;
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.lineWidth = px;
  ctx.setLineDash([3 * px, 3 * px]);
  for (const { at, until } of marks) {
    const [left, right] = clipped(u, at, until ?? at);
    if (right > left) {
      ctx.fillStyle = translucent(tone, 0.1);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    for (const time of until === null ? [at] : [at, until]) {
      const x = Math.round(u.valToPos(time, "x", true));
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      ctx.strokeStyle = ctx.fillStyle = tone;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bottom);
      ctx.stroke();
      if (time !== at) continue;
      ctx.beginPath();
      ctx.moveTo(x - px / 2, bbox.top - 6 * px);
      ctx.lineTo(x + 8 * px, bbox.top - 2 * px);
      ctx.lineTo(x - px / 2, bbox.top + 2 * px);
      ctx.fill();
    }
  }
  ctx.restore();
}

// Where a span begins and ends on the canvas, cut off at the chart's edges.
function clipped(u: uPlot, from: number, to: number): [number, number] {
  const { left, width } = u.bbox;
  return [Math.max(left, u.valToPos(from, "x", true)), Math.min(left + width, u.valToPos(to, "x", true))];
}

/** Return a colour of the style sheet that lets something through. */
export function translucent(rgb: string, alpha: number): string {
  const parts = rgb.match(/[\d.]+/g);
  return parts && rgb.startsWith("rgb") ? `rgba(${parts.slice(0, 3).join(",")},${alpha})` : rgb;
}
