// The token of whoever has signed in on the page: it stays in this tab, and ends with it.

const KEY = "jobmon.token";

/** Return the token that was given, "" when there is none or storage is forbidden. */
export function token(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** Keep a token for this tab; "" forgets it. */
export function keepToken(given: string): void {
  try {
    if (given) sessionStorage.setItem(KEY, given);
    else sessionStorage.removeItem(KEY);
  } catch (error) {
    console.info("the token cannot be kept", error);
  }
}

/** Return the header that says who asks; none where a proxy vouches for people, or for nobody. */
export function authorization(given = token()): Record<string, string> {
  return given ? { Authorization: `Bearer ${given}` } : {};
}
