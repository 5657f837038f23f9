/** A list whose rows come and go while somebody is in it: the focus goes to the next row, never astray. */

import { html, useEffect, useRef } from "./html.js";
import { More, Nothing, Trouble } from "./parts.js";

/**
 * @typedef {object} Pages as usePages and justRows return them
 * @property {any[]} rows
 * @property {boolean} isRead
 * @property {string | null} error
 * @property {boolean} isAsking
 * @property {(() => void) | null} more
 * @property {() => void} again
 */

/**
 * @param {{ pages: Pages, label: string, row: (row: any) => any, empty: any }} props
 *   `row` draws an `li` that can take the focus; `empty` is shown where there is none
 */
export function Rows({ pages, label, row, empty }) {
  const { list, isIn, more } = useKeptFocus(pages);
  return html`<div>
    <${Trouble} error=${pages.error} again=${pages.again} />
    <ul class="rows" aria-label=${label} hidden=${pages.rows.length === 0} ref=${list} ...${isIn}>
      ${pages.rows.map(row)}
    </ul>
    ${pages.rows.length === 0 && !pages.error && html`<${Nothing}>${pages.isRead ? empty : "Loading …"}<//>`}
    <${More} more=${more} isAsking=${pages.isAsking} />
  </div>`;
}

/**
 * Return rows that are all there at once as if they were pages.
 * @param {import("./asking.js").Asked} asked
 * @param {string} name of the answer's field
 * @returns {Pages}
 */
export function justRows({ value, error, again }, name) {
  return { rows: value?.[name] ?? [], isRead: value !== null, error, again, isAsking: false, more: null };
}

/** @param {Pages} pages */
function useKeptFocus(pages) {
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const held = useRef(/** @type {number | null} */ (null));
  const firstNew = useRef(/** @type {number | null} */ (null));
  const amount = pages.rows.length;
  useEffect(() => {
    const items = /** @type {HTMLElement[]} */ ([...(list.current?.children ?? [])]);
    if (firstNew.current !== null && items.length > firstNew.current) {
      items[firstNew.current]?.focus();
      firstNew.current = null;
    } else if (pages.error) {
      firstNew.current = null;
    }
    const isAstray = held.current !== null && document.activeElement === document.body;
    if (!isAstray) return;
    const next = items[Math.min(held.current ?? 0, items.length - 1)] ?? document.querySelector("h1");
    next?.focus();
  });
  const isIn = {
    onFocusIn: (/** @type {FocusEvent} */ event) => {
      const into = /** @type {Node} */ (event.target);
      held.current = [...(list.current?.children ?? [])].findIndex((item) => item.contains(into));
    },
    onFocusOut: (/** @type {FocusEvent} */ event) => {
      // A row that is taken away loses the focus, too: only who leaves by himself is gone.
      queueMicrotask(() => {
        const left = /** @type {HTMLElement} */ (event.target);
        if (left.isConnected && document.activeElement !== left) leave();
      });
    },
  };
  const leave = () => {
    if (!list.current?.contains(document.activeElement)) held.current = null;
  };
  const more =
    pages.more &&
    (() => {
      firstNew.current = amount;
      pages.more?.();
    });
  return { list, isIn, more };
}
