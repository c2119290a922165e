import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "jobmon.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null; // storage may be forbidden: the system's wish decides then
  }
}

let chosen = stored();
// Paper is white: what draws on a canvas draws again in light colours.
let printing = false;

function apply(): void {
  if (printing) document.documentElement.dataset.theme = "light";
  else if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  for (const listener of listeners) listener();
}

apply();
system.addEventListener("change", apply);
for (const [event, now] of [
  ["beforeprint", true],
  ["afterprint", false],
] as const) {
  window.addEventListener(event, () => {
    printing = now;
    apply();
  });
}

/** Choose a theme and remember it; the system's own choice is followed again when both agree. */
export function setTheme(theme: Theme): void {
  chosen = theme === (system.matches ? "dark" : "light") ? null : theme;
  try {
    if (chosen) localStorage.setItem(KEY, chosen);
    else localStorage.removeItem(KEY);
  } catch (error) {
    console.info("the theme cannot be remembered", error);
  }
  apply();
}

/** The theme that is shown. */
export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => (printing ? "light" : (chosen ?? (system.matches ? "dark" : "light"))),
  );
}

/** Return what a colour of the style sheet is now, for drawing on a canvas. */
export function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
