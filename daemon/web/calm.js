/** What changes often, looked at less often. */

import { useEffect, useRef, useState } from "./html.js";

/**
 * Follow a value, taking a new one at most so often; the last one is always taken.
 * @template T
 * @param {T} value
 * @param {number} leastMs
 * @returns {T}
 */
export function useCalm(value, leastMs) {
  const [calm, setCalm] = useState(value);
  const takenMs = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (value === calm) return undefined;
    const waitMs = Math.max(0, takenMs.current + leastMs - performance.now());
    const timer = setTimeout(() => {
      takenMs.current = performance.now();
      setCalm(value);
    }, waitMs);
    return () => clearTimeout(timer);
  }, [value, calm, leastMs]);
  return calm;
}

/**
 * Follow a value once it has stayed the same for a while.
 * @template T
 * @param {T} value
 * @param {number} quietMs
 * @returns {T}
 */
export function useSettled(value, quietMs) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), quietMs);
    return () => clearTimeout(timer);
  }, [value, quietMs]);
  return settled;
}
