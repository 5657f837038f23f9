/** Single keys that do something, unless one is typing, and their list. */

import { html, useEffect, useRef, useState } from "./html.js";

const KEPT_AS = "spectra-keys";

/** What may be held down. */
const MOVES = new Set(["j", "k", "ArrowDown", "ArrowUp"]);

/** Where they mean something else. */
const FIELDS = "input:not([type='checkbox']), textarea, select, [contenteditable]";

/**
 * Run what belongs to a key.
 * @param {Record<string, () => void>} keys by KeyboardEvent.key
 * @param {boolean} isOn
 */
export function useKeys(keys, isOn) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    if (!isOn) return undefined;
    const press = (/** @type {KeyboardEvent} */ event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const target = /** @type {Element} */ (event.target);
      const isPlayer = target.matches("audio") && event.key.startsWith("Arrow");
      const run = latest.current[event.key];
      if (!run || isPlayer || target.matches(FIELDS)) return;
      if (event.repeat && !MOVES.has(event.key)) return;
      event.preventDefault();
      run();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [isOn]);
}

/** Return whether single keys are used, and how to change that; this browser remembers it. */
export function useKeysWanted() {
  const [isOn, setOn] = useState(() => kept() !== "off");
  const change = (/** @type {boolean} */ wanted) => {
    setOn(wanted);
    try {
      localStorage.setItem(KEPT_AS, wanted ? "on" : "off");
    } catch {
      // A browser that keeps nothing keeps this only until the page is left.
    }
  };
  return { isOn, change };
}

function kept() {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

/**
 * The list of keys, which one of them opens.
 * @param {{
 *   keys: [string, string][],
 *   isOpen: boolean,
 *   setOpen: (isOpen: boolean) => void,
 *   wanted: { isOn: boolean, change: (isOn: boolean) => void },
 * }} props
 */
export function KeyHelp({ keys, isOpen, setOpen, wanted }) {
  const toggle = (/** @type {Event} */ event) =>
    setOpen(/** @type {HTMLDetailsElement} */ (event.target).open);
  const change = (/** @type {Event} */ event) =>
    wanted.change(/** @type {HTMLInputElement} */ (event.target).checked);
  return html`<details class="keys" open=${isOpen} onToggle=${toggle}>
    <summary>
      Keys: <kbd>j</kbd> <kbd>k</kbd> move, <kbd>a</kbd> accepts, <kbd>r</kbd> rejects, <kbd>n</kbd> names,${" "}
      <kbd>?</kbd> shows all
    </summary>
    <dl>
      ${keys.map(
        ([key, meaning]) =>
          html`<div key=${key}>
            <dt>${key.split(" ").map((each) => html`<kbd>${each}</kbd> `)}</dt>
            <dd>${meaning}</dd>
          </div>`,
      )}
    </dl>
    <label><input type="checkbox" checked=${wanted.isOn} onChange=${change} /> Use these keys</label>
  </details>`;
}
