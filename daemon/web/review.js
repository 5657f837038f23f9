/** Files that wait for a person: what each may be, and what is said to that. */

import { usePages } from "./asking.js";
import { Batch } from "./batch.js";
import { useCalm } from "./calm.js";
import { useDeciding } from "./deciding.js";
import { html, useRef, useState } from "./html.js";
import { useLive } from "./live.js";
import { Heading } from "./parts.js";
import { ReviewRow } from "./review_row.js";
import { Rows } from "./rows.js";
import { KeyHelp, useKeys, useKeysWanted } from "./shortcuts.js";

const LEAST_MS = 2000;
const PAGE = 50;

/** @type {[string, string][]} */
const KEYS = [
  ["j ↓", "to the next file"],
  ["k ↑", "to the file before"],
  ["a", "accept the first candidate"],
  ["1 … 9", "accept this candidate"],
  ["r", "reject: none of these"],
  ["n", "type the name"],
  ["p", "play the file, or pause"],
  ["c", "play the first candidate, or pause"],
  ["u", "undo what was accepted or named last"],
  ["?", "show these keys, or hide them"],
];

export function Review() {
  const { waiting, pages, drop, restore } = useWaiting();
  const deciding = useDeciding({ onDecided: drop, onRefused: pages.again, onUndone: restore });
  const { chosen, choose, move } = useChosen(waiting, pages.more);
  const [namingId, setNaming] = useState(/** @type {number | null} */ (null));
  const [isHelp, setHelp] = useState(false);
  const wanted = useKeysWanted();
  useKeys(
    keysFor({
      chosen,
      move,
      deciding,
      name: (file) => setNaming(file.file_id),
      help: () => setHelp(!isHelp),
    }),
    wanted.isOn,
  );
  return html`<${Heading} title="Review" />
    ${waiting.length > 0 && html`<${Batch} files=${waiting} isAll=${pages.more === null} onAccepted=${pages.again} />`}
    ${
      waiting.length > 0 &&
      html`<${KeyHelp} keys=${KEYS} isOpen=${isHelp} setOpen=${setHelp} wanted=${wanted} />`
    }
    <div onPlayCapture=${playAlone}>
      <${Rows}
        pages=${{ ...pages, rows: waiting }}
        label="Files that wait for you"
        row=${(/** @type {any} */ file) =>
          html`<${ReviewRow}
            key=${file.file_id}
            file=${file}
            isChosen=${file === chosen}
            isNaming=${namingId === file.file_id}
            setNaming=${(/** @type {boolean} */ isNaming) => setNaming(isNaming ? file.file_id : null)}
            choose=${() => choose(file)}
            deciding=${deciding}
          />`}
        empty=${html`Nothing waits for you. What Spectra is not sure of comes here;
          <a href="#/changes"> what it wrote</a> can be undone.`}
      />
    </div>`;
}

/**
 * Return what each key does.
 * @param {{
 *   chosen: any,
 *   move: (by: number) => void,
 *   deciding: ReturnType<typeof useDeciding>,
 *   name: (file: any) => void,
 *   help: () => void,
 * }} what
 * @returns {Record<string, () => void>}
 */
function keysFor({ chosen, move, deciding, name, help }) {
  const withChosen = (/** @type {(file: any) => void} */ run) => () => chosen && run(chosen);
  const accept = (/** @type {number} */ place) =>
    withChosen((file) => {
      const candidate = file.proposal.candidates[place];
      if (candidate) deciding.accept(file, candidate);
    });
  return {
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    a: accept(0),
    ...Object.fromEntries(Array.from({ length: 9 }, (_, place) => [String(place + 1), accept(place)])),
    r: withChosen(deciding.reject),
    n: withChosen(name),
    p: withChosen((file) => play(file, ".of-file audio")),
    c: withChosen((file) => play(file, ".candidate audio")),
    u: () => void deciding.undoLast(),
    "?": help,
  };
}

/** Return the files that wait, new ones last: the row that one is at stays where it is. */
function useWaiting() {
  const { status, changes } = useLive();
  const occasion = useCalm(`${changes} ${JSON.stringify(status?.files)}`, LEAST_MS);
  const pages = usePages(`/files?status=review&limit=${PAGE}`, { rows: "files", page: "after", occasion });
  const decided = useRef(new Set());
  const order = useRef(/** @type {Map<number, number>} */ (new Map()));
  const arrivals = useRef(0);
  const open = pages.rows.filter((file) => !decided.current.has(proposalOf(file)));
  const former = order.current;
  order.current = new Map(open.map((file) => [file.file_id, former.get(file.file_id) ?? arrivals.current++]));
  const waiting = open.toSorted(
    (one, other) => (order.current.get(one.file_id) ?? 0) - (order.current.get(other.file_id) ?? 0),
  );
  return {
    waiting,
    pages,
    drop: (/** @type {any} */ file) => {
      // An answer that is on its way may still hold it.
      decided.current.add(proposalOf(file));
      pages.replace((each) => (each.file_id === file.file_id ? null : each));
    },
    restore: () => {
      decided.current.clear();
      pages.again();
    },
  };
}

/** @param {any} file */
function proposalOf(file) {
  return JSON.stringify([
    file.file_id,
    ...file.proposal.candidates.map((/** @type {any} */ each) => each.recordings),
  ]);
}

/**
 * Return the file that keys are for: where it goes, the next one takes its place.
 * @param {any[]} files
 * @param {(() => void) | null} more
 */
function useChosen(files, more) {
  const [chosenId, choose] = useState(/** @type {number | null} */ (null));
  const former = useRef(0);
  const found = files.findIndex((file) => file.file_id === chosenId);
  const place = found >= 0 ? found : Math.min(former.current, files.length - 1);
  former.current = Math.max(0, place);
  return {
    chosen: files[place] ?? null,
    choose: (/** @type {any} */ file) => choose(file.file_id),
    move: (/** @type {number} */ by) => {
      const next = files[place + by];
      if (!next) {
        if (by > 0) more?.();
        return;
      }
      choose(next.file_id);
      rowOf(next)?.focus({ preventScroll: true });
      rowOf(next)?.scrollIntoView({ block: "nearest" });
    },
  };
}

/** @param {any} file */
function rowOf(file) {
  return document.getElementById(`review-${file.file_id}`);
}

/**
 * @param {any} file
 * @param {string} which
 */
function play(file, which) {
  const player = /** @type {HTMLAudioElement | null | undefined} */ (rowOf(file)?.querySelector(which));
  if (!player) return;
  // What can't be played says so itself.
  if (player.paused) player.play().catch(() => {});
  else player.pause();
}

/** @param {Event} event */
function playAlone(event) {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}
