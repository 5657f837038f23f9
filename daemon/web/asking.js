/** What components ask the daemon, and what became of it. */

import { ask, RequestFailed } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";

const USUAL_ROWS = 100;
const MOST_ROWS = 1000;

/**
 * @typedef {object} Asked
 * @property {any} value the answer; the former one while a new one is waited for
 * @property {string | null} error
 * @property {() => void} again
 */

/**
 * Return the answer to a GET, asked anew when the path or the occasion changes.
 * @param {string | null} path null: nothing is asked
 * @param {unknown} [occasion]
 * @returns {Asked}
 */
export function useAnswer(path, occasion) {
  const [state, setState] = useState({
    path,
    value: /** @type {any} */ (null),
    error: /** @type {string | null} */ (null),
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return undefined;
    const leaving = new AbortController();
    ask(path, { signal: leaving.signal }).then(
      (value) => setState({ path, value, error: null }),
      (error) => {
        if (error instanceof RequestFailed) setState((old) => ({ ...old, path, error: error.message }));
        else if (error.name !== "AbortError") throw error;
      },
    );
    return () => leaving.abort();
  }, [path, occasion, turn]);
  const again = useCallback(() => setTurn((old) => old + 1), []);
  return { value: state.path === path ? state.value : null, error: state.error, again };
}

/**
 * Return the rows of a paged GET so far, and how to get more.
 * @param {string} path with its parameters, without those of the page
 * @param {{ rows: string, page: string, occasion?: unknown, most?: number }} names the answer's field, the parameter of
 *   the next, and how many rows may be asked for at once
 */
export function usePages(path, { rows, page, occasion, most = MOST_ROWS }) {
  const [state, setState] = useState({
    path,
    rows: /** @type {any[]} */ ([]),
    next: /** @type {number | null} */ (null),
    isRead: false,
  });
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isAsking, setAsking] = useState(false);
  const asked = useRef(0);
  const shown = useRef(0);
  const moreOf = useRef(/** @type {string | null} */ (null));
  shown.current = state.path === path ? state.rows.length : 0;
  const read = useCallback(
    async (/** @type {number | null} */ from) => {
      const turn = ++asked.current;
      if (from !== null) moreOf.current = path;
      const isMoreAsked = moreOf.current === path;
      setAsking(isMoreAsked);
      try {
        /** @type {any[]} */
        const found = [];
        let next = from;
        // Who has seen several pages, or asked for one, keeps them when they are read anew.
        const wanted = from === null ? shown.current + (isMoreAsked ? USUAL_ROWS : 0) : 0;
        do {
          const answer = await ask(addressOf(path, page, next, Math.min(wanted - found.length, most)));
          if (turn !== asked.current) return;
          found.push(...answer[rows]);
          next = answer.next;
        } while (next !== null && found.length < wanted);
        setState((old) => ({
          path,
          rows: from === null ? found : [...old.rows, ...found],
          next,
          isRead: true,
        }));
        setError(null);
      } catch (failed) {
        if (!(failed instanceof RequestFailed)) throw failed;
        if (turn === asked.current) setError(failed.message);
      } finally {
        if (turn === asked.current) {
          moreOf.current = null;
          setAsking(false);
        }
      }
    },
    [path, rows, page, most],
  );
  useEffect(() => {
    read(null);
    return () => {
      asked.current += 1;
    };
  }, [read, occasion]);
  const isCurrent = state.path === path;
  return {
    rows: isCurrent ? state.rows : [],
    isRead: isCurrent && state.isRead,
    error,
    isAsking,
    more: isCurrent && state.next !== null ? () => read(state.next) : null,
    again: () => read(null),
    /** Change or drop (null) a row that is shown. */
    replace: (/** @type {(row: any) => any} */ change) =>
      setState((old) => ({ ...old, rows: old.rows.map(change).filter((row) => row !== null) })),
  };
}

/**
 * Return the address of a page.
 * @param {string} path
 * @param {string} page the parameter that says where it begins
 * @param {number | null} from null: with the first row
 * @param {number} wanted rows; what is above the usual number is asked for at once
 */
function addressOf(path, page, from, wanted) {
  const address = new URL(path, location.origin);
  if (from !== null) address.searchParams.set(page, String(from));
  if (wanted > USUAL_ROWS) address.searchParams.set("limit", String(wanted));
  return address.pathname + address.search;
}
