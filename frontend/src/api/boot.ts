// What public/boot.js has asked for already; each answer is taken once.

interface Boot {
  site?: Promise<unknown>;
  first?: Promise<{ url: string; answer: Response }>;
}

declare global {
  interface Window {
    jobmonBoot?: Boot;
  }
}

/** Return the settings of the site that are on their way; undefined when nobody asked for them. */
export function bootedSite(): Promise<unknown> | undefined {
  const { jobmonBoot } = globalThis as { jobmonBoot?: Boot };
  const site = jobmonBoot?.site;
  if (jobmonBoot) delete jobmonBoot.site;
  return site;
}

/** Return the answer for an address that is on its way; undefined when it was not asked for, or failed. */
export async function booted(url: string): Promise<Response | undefined> {
  const { jobmonBoot } = globalThis as { jobmonBoot?: Boot };
  const first = jobmonBoot?.first;
  if (first === undefined) return undefined;
  delete jobmonBoot?.first;
  const found = await first.catch(() => undefined);
  return found?.url === url && found.answer.ok ? found.answer : undefined;
}
