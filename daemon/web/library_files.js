/** Find files by words and state. */

import { usePages } from "./asking.js";
import { useCalm, useSettled } from "./calm.js";
import { nameOf, STATES, stateOf } from "./file_words.js";
import { counted, split } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { useLive } from "./live.js";
import { Cover, Failure } from "./parts.js";
import { useRoute } from "./route.js";
import { Rows } from "./rows.js";

const TYPED_MS = 250;
const LEAST_MS = 5000;
const LONGEST_QUERY = 200;
const ALL = "all";

/**
 * @typedef {object} Search
 * @property {string} state one of STATES
 * @property {string} words
 * @property {(state: string) => void} setState
 * @property {(words: string) => void} setWords
 * @property {boolean} isNarrow whether anything is asked for
 */

/**
 * Return what is searched for, which is in the address: #/library/STATE/WORDS.
 * @returns {Search}
 */
export function useSearch() {
  const route = useRoute();
  const [state, setState] = useState(stateIn(route));
  const [words, setWords] = useState(route[2] ?? "");
  useEffect(() => {
    setState(stateIn(route));
    setWords(route[2] ?? "");
  }, [route]);
  return { state, setState, words, setWords, isNarrow: state !== ALL || words.trim() !== "" };
}

/** @param {string[]} route */
function stateIn([, wanted]) {
  return STATES.find((each) => each.value === wanted)?.value ?? ALL;
}

/**
 * @param {string} state
 * @param {string} words
 */
function placeOf(state, words) {
  if (words !== "") return `#/library/${state}/${encodeURIComponent(words)}`;
  return state === ALL ? "#/library" : `#/library/${state}`;
}

/**
 * The files that are searched for, page by page.
 * @param {{ search: Search }} props
 */
export function Files({ search }) {
  const { state, words } = search;
  const settled = useSettled(words.trim(), words.trim() ? TYPED_MS : 0);
  const { status, changes } = useLive();
  const occasion = useCalm(`${changes} ${JSON.stringify([status?.files, status?.libraries])}`, LEAST_MS);
  const wanted = new URLSearchParams();
  if (settled) wanted.set("query", settled);
  if (state !== ALL) wanted.set("status", state);
  const pages = usePages(`/files?${wanted}`, { rows: "files", page: "after", occasion });
  useEffect(() => {
    // No entry of its own in the browser's history for each letter.
    history.replaceState(null, "", placeOf(state, settled));
  }, [state, settled]);
  return html`<section>
    <h2>${search.isNarrow ? "Found" : "Files"}</h2>
    <p class="unseen" role="status">${pages.isRead && found(pages)}</p>
    <${Rows}
      pages=${pages}
      label="Files"
      row=${(/** @type {any} */ file) => html`<${FileRow} key=${file.file_id} file=${file} />`}
      empty=${nothing(search)}
    />
  </section>`;
}

/** @param {{ search: Search }} props */
export function SearchField({ search }) {
  const choose = (/** @type {Event} */ event) =>
    search.setState(/** @type {HTMLSelectElement} */ (event.target).value);
  const type = (/** @type {Event} */ event) =>
    search.setWords(/** @type {HTMLInputElement} */ (event.target).value);
  return html`<div class="search" role="search">
    <label>
      Search
      <input
        type="search"
        value=${search.words}
        maxlength=${LONGEST_QUERY}
        placeholder="Title, artist, album or file name"
        onInput=${type}
      />
    </label>
    <label>
      Which
      <select value=${search.state} onChange=${choose}>
        ${STATES.map((each) => html`<option key=${each.value} value=${each.value}>${each.label}</option>`)}
      </select>
    </label>
  </div>`;
}

/** @param {{ file: any }} props */
function FileRow({ file }) {
  const { folder, name } = split(file.path);
  return html`<li class="row" tabindex="-1">
    <${Cover} address=${`/files/${file.file_id}/cover`} />
    <div>
      <a href=${`#/files/${file.file_id}`}><strong>${file.title ?? name}</strong></a>
      <div>${[file.artist, file.album].filter(Boolean).join(" · ")}</div>
      <div class="hint">${file.title ? folder + nameOf(file) : folder}</div>
      ${file.error && html`<${Failure} file=${file} />`}
    </div>
    <span class="hint file-state">${stateOf(file)}</span>
  </li>`;
}

/** @param {import("./rows.js").Pages} pages */
function found({ rows, more }) {
  return `${more ? "More than " : ""}${counted(rows.length, "file")}`;
}

/** @param {Search} search */
function nothing({ state, words }) {
  if (words.trim()) return "No file has all of these words in its path, title, artist or album.";
  if (state === "review") return "Nothing waits for your review.";
  if (state !== ALL) return "No file is in this state.";
  return "There are no files yet: put music into a music folder, then scan.";
}
