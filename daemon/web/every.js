/** Do something again and again while the page is looked at. */

import { useEffect, useRef } from "./html.js";

/**
 * Do it so often, in milliseconds; null: not now.
 * @param {number | null} periodMs
 * @param {() => void} work
 */
export function useEvery(periodMs, work) {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (periodMs === null) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
}
