/** What the daemon tells by itself: server-sent events, as values that components follow. */

import { createContext, useContext, useEffect, useState } from "./html.js";

/**
 * @typedef {object} Live
 * @property {any} status the answer to GET /status; null until it is known
 * @property {any} playlists the answer to GET /playlists; null until it is known
 * @property {number} changes grows whenever a change was written, undone or confirmed, or a file was read or decided on
 * @property {boolean} isConnected
 * @property {string | null} trouble why nothing new comes
 */

const AGAIN_MS = 5000;

/** @type {Live} */
const NOTHING = { status: null, playlists: null, changes: 0, isConnected: false, trouble: null };

export const LiveContext = createContext(NOTHING);

/** Return what is known now; the component is drawn anew when that changes. */
export function useLive() {
  return useContext(LiveContext);
}

/**
 * Return what the daemon tells, for the component that provides it to all others.
 * @param {() => void} onLost called when the stream breaks: perhaps one has to sign in again
 */
export function useEvents(onLost) {
  const [live, setLive] = useState(NOTHING);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let timer = 0;
    const source = new EventSource("/events");
    const on = (/** @type {string} */ name, /** @type {(value: any, old: Live) => Partial<Live>} */ change) =>
      source.addEventListener(name, (event) => {
        const value = JSON.parse(event.data);
        setLive((old) => ({ ...old, ...change(value, old) }));
      });
    on("status", (status) => ({ status, trouble: null }));
    on("playlists", (playlists) => ({ playlists, trouble: null }));
    on("changes", (_, old) => ({ changes: old.changes + 1, trouble: null }));
    on("trouble", (trouble) => ({ trouble: trouble.error }));
    source.onopen = () => setLive((old) => ({ ...old, isConnected: true, trouble: null }));
    source.onerror = () => {
      setLive((old) => ({ ...old, isConnected: false }));
      onLost();
      // The browser itself comes back after a break, but not after a refusal.
      if (source.readyState === EventSource.CLOSED)
        timer = window.setTimeout(() => setTurn((old) => old + 1), AGAIN_MS);
    };
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [turn]);
  return live;
}
