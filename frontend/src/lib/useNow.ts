import { useEffect, useState } from "react";
import { serverNow } from "../api/fetch";

/** The server's time in epoch seconds, renewed every `period` seconds. */
export function useNow(period: number): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), period * 1000);
    return () => clearInterval(timer);
  }, [period]);
  return now;
}
