/** What several views are made of. */

import { reasonOf } from "./file_words.js";
import { ago, count, soon } from "./format.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

/**
 * A view's heading, which takes the focus when the view is entered.
 * @param {{ title: string, children?: any }} props
 */
export function Heading({ title, children }) {
  const heading = useRef(/** @type {HTMLHeadingElement | null} */ (null));
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    document.title = `${title} – Spectra`;
  }, [title]);
  return html`<header class="heading">
    <h1 ref=${heading} tabindex="-1">${title}</h1>
    ${children}
  </header>`;
}

/**
 * A cover, or a note where there is none.
 * @param {{ address: string | null, size?: "small" | "large" }} props
 */
export function Cover({ address, size = "small" }) {
  const [missing, setMissing] = useState(/** @type {string | null} */ (null));
  return html`<span class=${`cover ${size}`} aria-hidden="true">
    ${
      address !== null && missing !== address
        ? html`<img src=${address} alt="" loading="lazy" decoding="async" onError=${() => setMissing(address)} />`
        : "♪"
    }
  </span>`;
}

/**
 * How far something is; without a total, that it goes on.
 * @param {{ label: string, done?: number, total?: number }} props
 */
export function Progress({ label, done, total }) {
  const isKnown = done !== undefined && total !== undefined && total > 0;
  return html`<div class="progress">
    <span>${label}</span>
    ${
      isKnown
        ? html`<progress aria-label=${label} value=${done} max=${total}></progress>`
        : html`<progress aria-label=${label}></progress>`
    }
  </div>`;
}

/** @param {{ error: string | null, again?: () => void }} props */
export function Trouble({ error, again }) {
  if (!error) return null;
  return html`<p class="trouble" role="alert">
    ${error} ${again && html`<button type="button" onClick=${again}>Try again</button>`}
  </p>`;
}

/**
 * What is shown where there is nothing.
 * @param {{ children?: any }} props
 */
export function Nothing({ children }) {
  return html`<p class="nothing">${children}</p>`;
}

/**
 * A sound to be played; one that the browser can't play says so.
 * @param {{ address: string, label: string, from?: number }} props `from` in seconds
 */
export function Player({ address, label, from = 0 }) {
  const [isUnplayable, setUnplayable] = useState(false);
  useEffect(() => setUnplayable(false), [address]);
  if (isUnplayable) return html`<span class="hint">This browser can't play ${label}.</span>`;
  return html`<audio
    controls
    preload="none"
    aria-label=${`Play ${label}`}
    src=${from > 0 ? `${address}#t=${from.toFixed(1)}` : address}
    onError=${() => setUnplayable(true)}
  ></audio>`;
}

/** @param {{ more: (() => void) | null, isAsking: boolean }} props */
export function More({ more, isAsking }) {
  if (!more) return null;
  // Not disabled: that would lose the focus.
  return html`<button type="button" class="more" aria-disabled=${isAsking} onClick=${isAsking ? undefined : more}>
    ${isAsking ? "Loading …" : "Show more"}
  </button>`;
}

/**
 * A button that asks once more before it does what is hard to take back.
 * @param {{ label: string, question: string, run: () => void, disabled?: boolean }} props
 */
export function Sure({ label, question, run, disabled = false }) {
  const [isAsked, setAsked] = useState(false);
  const wasAsked = useRef(false);
  const first = useRef(/** @type {HTMLButtonElement | null} */ (null));
  // Before anything that `run` does about the focus.
  useLayoutEffect(() => {
    // What had the focus is gone.
    if (isAsked || wasAsked.current) first.current?.focus();
    wasAsked.current = isAsked;
  }, [isAsked]);
  if (!isAsked) {
    return html`<button ref=${first} type="button" disabled=${disabled} onClick=${() => setAsked(true)}>
      ${label}
    </button>`;
  }
  return html`<span class="sure" role="group" aria-label=${question}>
    ${question}
    <button
      ref=${first}
      type="button"
      class="strong"
      onClick=${() => {
        setAsked(false);
        run();
      }}
    >
      ${label}
    </button>
    <button type="button" onClick=${() => setAsked(false)}>No</button>
  </span>`;
}

/**
 * A moment as people say it; the full date is in its title.
 * @param {{ at: string }} props ISO 8601
 */
export function Moment({ at }) {
  const full = new Date(at).toLocaleString("en", { dateStyle: "long", timeStyle: "short" });
  return html`<time datetime=${at} title=${full}>${ago(at)}</time>`;
}

/**
 * Buttons of which one is chosen, with how many there are of each.
 * @param {{
 *   label: string,
 *   choices: { value: string, label: string, amount?: number }[],
 *   chosen: string,
 *   choose: (value: string) => void,
 * }} props
 */
export function Choices({ label, choices, chosen, choose }) {
  return html`<div class="choices" role="group" aria-label=${label}>
    ${choices.map(
      (each) =>
        html`<button
          key=${each.value}
          type="button"
          aria-pressed=${each.value === chosen}
          onClick=${() => choose(each.value)}
        >
          ${each.label} ${each.amount !== undefined && html`<span class="hint">${count(each.amount)}</span>`}
        </button>`,
    )}
  </div>`;
}

/**
 * Why a file could not be read, and when that is tried again.
 * @param {{ file: any }} props
 */
export function Failure({ file }) {
  return html`<div class="bad">${reasonOf(file)}</div>
    ${file.retry_at && html`<div class="hint">Tried again ${soon(file.retry_at)}</div>`}`;
}
