// The user whose jobs were looked at last: whoever opens the page again most often means the same one.

const KEY = "jobmon.user";

/** Return the name that was chosen last, "" when there was none or storage is forbidden. */
export function lastUser(): string {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Keep a chosen name. */
export function rememberUser(name: string): void {
  try {
    localStorage.setItem(KEY, name);
  } catch (error) {
    console.info("the user cannot be remembered", error);
  }
}
