import { useState } from "react";

/** Copies a text, also on plain http, where browsers have no clipboard for pages. */
export function CopyButton({ text, title = "Copy" }: { text: string | (() => string); title?: string }) {
  const [state, setState] = useState<"" | "copied" | "failed">("");
  const copy = async () => {
    const done = await toClipboard(typeof text === "string" ? text : text());
    setState(done ? "copied" : "failed");
    setTimeout(() => setState(""), 2000);
  };
  return (
    <button type="button" className="copy" onClick={copy}>
      {title}
      <span role="status" className={state ? "copy-state" : "sr"}>
        {state === "copied" ? " ✓ copied" : state === "failed" ? " cannot be copied here" : ""}
      </span>
    </button>
  );
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    document.body.append(area);
    area.select();
    try {
      return document.execCommand("copy");
    } finally {
      area.remove();
    }
  }
}
