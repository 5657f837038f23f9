/** A change: what was written to a file, why, and back. */

import { Act } from "./act.js";
import { causeOf, nameOf, originsOf, written } from "./file_words.js";
import { sentence, split } from "./format.js";
import { html } from "./html.js";
import { Cover, Moment } from "./parts.js";

/**
 * @param {{ change: any, undo: (change: any) => unknown, isShort?: boolean, day?: string, children?: any }} props
 *   `isShort`: only what the file is called now; `day`: a heading above
 */
export function ChangeRow({ change, undo, isShort = false, day, children }) {
  const name = nameOf(change);
  return html`<li tabindex="-1">
    ${day && html`<h2 class="day">${day}</h2>`}
    <div class=${change.status === "done" ? "row change" : "row change past"}>
      <${Cover} address=${change.file_id === null ? null : `/files/${change.file_id}/cover`} />
      <div>
        <strong><${FileLink} fileId=${change.file_id}>${name}<//></strong>
        ${isShort ? html`<div>${headline(change)}</div>` : html`<${Written} change=${change} />`}
        ${children}
        <div class="hint">
          ${causeOf(change)} · <${Moment} at=${change.ended_at ?? change.created_at} />
          ${!isShort && html`<${Why} change=${change} />`}
        </div>
        ${change.error && html`<p class="bad">${sentence(change.error)}</p>`}
      </div>
      ${change.status === "done" && html`<${Act} label="Undo" about=${name} run=${() => undo(change)} />`}
    </div>
  </li>`;
}

/** @param {{ fileId: number | null, children?: any }} props null: its row is gone */
export function FileLink({ fileId, children }) {
  if (fileId === null) return html`<span>${children}</span>`;
  return html`<a href=${`#/files/${fileId}`}>${children}</a>`;
}

/** @param {{ sources: Record<string, any> }} props */
export function Origins({ sources }) {
  const origins = originsOf(sources);
  if (origins.length === 0) return null;
  return html`<span>
    ${origins.length === 1 ? "Its name comes from " : "Names come from "}
    ${origins.map(
      (each, place) => html`${place > 0 && "; "}${each.kind}${each.path !== null && " "}
      ${each.path !== null && html`<${FileLink} fileId=${each.file}>${split(each.path).name}<//>`}
      ${origins.length > 1 && ` (${each.fields.join(", ")})`}`,
    )}.
  </span>`;
}

/** @param {{ change: any }} props */
function Written({ change }) {
  const fields = written(change);
  if (fields.length === 0) return html`<p class="hint">No field that is shown here.</p>`;
  return html`<dl class="written">
    ${fields.map(
      (each) => html`<div key=${each.field}>
        <dt>${each.label}</dt>
        <dd>
          ${each.before !== null && html`<del><span class="unseen">was </span>${each.before}</del> <span aria-hidden="true">→</span> `}
          ${each.after === null ? html`<span class="hint">nothing</span>` : html`<ins>${each.after}</ins>`}
        </dd>
      </div>`,
    )}
  </dl>`;
}

/** @param {{ change: any }} props */
function Why({ change }) {
  const { reason, sources } = change.evidence;
  return html`<span class="why">
    <span>${split(change.path).folder}</span>
    ${reason && html`<span>${sentence(reason)}</span>`}
    ${sources && html`<${Origins} sources=${sources} />`}
  </span>`;
}

/** @param {any} change */
function headline(change) {
  const said = [change.after.title, change.after.artist, change.after.album].filter(Boolean);
  return said.length > 0 ? said.join(" · ") : "Without a name";
}
