/** Lists and their tracks in words, and what is known of all lists. */

import { useAnswer } from "./asking.js";
import { counted } from "./format.js";
import { useEffect, useState } from "./html.js";
import { useLive } from "./live.js";

/** @type {Record<string, string>} */
const KINDS = {
  playlist: "Playlist",
  album: "Album",
  artist: "Artist",
  track: "Track",
  liked: "Liked tracks",
};

/** The states of tracks, in the order in which they are told. */
export const STATES = ["fetched", "wanted", "failed", "unavailable", "refused"];

/** @type {Record<string, string>} */
const STATE_NAMES = {
  fetched: "Fetched",
  wanted: "To fetch",
  failed: "Failed",
  unavailable: "Unavailable",
  refused: "Refused",
};

/** @type {[string, number][]} */
const UNITS = [
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/**
 * Return the answer to GET /playlists: what the daemon told by itself, or what it was asked, whatever came last.
 */
export function useLists() {
  const live = useLive().playlists;
  const asked = useAnswer("/playlists");
  const [latest, setLatest] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (asked.value) setLatest(asked.value);
  }, [asked.value]);
  useEffect(() => {
    if (live) setLatest(live);
  }, [live]);
  return { value: latest, error: latest ? null : asked.error, again: asked.again };
}

/** @param {any} list */
export function listName(list) {
  return list.title || list.url;
}

/** @param {string} kind */
export function kindName(kind) {
  return KINDS[kind] ?? kind;
}

/** @param {string} state */
export function stateName(state) {
  return STATE_NAMES[state] ?? state;
}

/**
 * Return how often a list is read: "every 6 hours".
 * @param {number | null} seconds
 */
export function often(seconds) {
  if (seconds === null) return "only when asked";
  const [unit, length] = UNITS.find(([, each]) => seconds % each === 0) ?? ["second", 1];
  return seconds === length ? `every ${unit}` : `every ${counted(seconds / length, unit)}`;
}

/**
 * Return what goes on with a list; null: nothing.
 * @param {any} list
 * @param {any} pause
 * @returns {{ label: string, done?: number, total?: number, isWaiting?: boolean } | null}
 */
export function doing(list, pause) {
  const { fetched, to_fetch: toFetch } = list.counts;
  if (!list.is_due && toFetch === 0) return null;
  if (pause) return { label: "It goes on when YouTube is asked again", isWaiting: true };
  if (list.is_due) return { label: "Reading the list …" };
  return {
    label: `Fetching: ${fetched} of ${counted(fetched + toFetch, "track")}`,
    done: fetched,
    total: fetched + toFetch,
  };
}

/**
 * Return what came of the last look at a list, and whether that is well.
 * @param {any} list
 */
export function outcome(list) {
  const words = { read: "Read", incomplete: "Read in part", failed: "Not read", blocked: "Not read" };
  const begin = words[/** @type {keyof typeof words} */ (list.outcome)];
  if (!begin) return { begin: "Not read yet", detail: null, isWell: true };
  return { begin, detail: list.detail, isWell: list.outcome === "read" };
}
