/** All that was written to files, latest first, and back. */

import { usePages } from "./asking.js";
import { useCalm } from "./calm.js";
import { ChangeRow } from "./change_row.js";
import { fieldName } from "./file_words.js";
import { html } from "./html.js";
import { useLive } from "./live.js";
import { Heading } from "./parts.js";
import { Rows } from "./rows.js";
import { useUndo } from "./undoing.js";

const LEAST_MS = 2000;

export function Changes() {
  const changes = useCalm(useLive().changes, LEAST_MS);
  const pages = usePages("/changes", { rows: "changes", page: "before", occasion: changes });
  const undo = useUndo((undone) =>
    pages.replace((each) => (each.change_id === undone.change_id ? undone : each)),
  );
  const days = firstOfDays(pages.rows);
  return html`<${Heading} title="Changes">
      <a href="#/library">To the library</a>
    <//>
    <${Doubtful} />
    <${Rows}
      pages=${pages}
      label="Changes"
      row=${(/** @type {any} */ change) =>
        html`<${ChangeRow}
          key=${change.change_id}
          change=${change}
          undo=${undo}
          day=${days.get(change.change_id)}
        />`}
      empty="Spectra has written nothing yet. What it writes is listed here, and can be undone."
    />`;
}

/** Names whose source says otherwise by now. */
function Doubtful() {
  const { status, changes } = useLive();
  const occasion = useCalm(`${changes} ${JSON.stringify(status?.files)}`, LEAST_MS);
  const pages = usePages("/review/doubtful", { rows: "changes", page: "after", occasion });
  const undo = useUndo((undone) =>
    pages.replace((each) => (each.change_id === undone.change_id ? null : each)),
  );
  if (pages.rows.length === 0 && !pages.error) return null;
  return html`<section class="doubtful">
    <h2>Doubtful</h2>
    <p class="hint">
      These names were taken from files that say something else now. Undo them, or name the file by hand if the
      name is right.
    </p>
    <${Rows}
      pages=${pages}
      label="Doubtful changes"
      row=${(/** @type {any} */ change) =>
        html`<${ChangeRow} key=${change.change_id} change=${change} undo=${undo} isShort>
          <${Doubts} change=${change} />
        <//>`}
    />
  </section>`;
}

/** @param {{ change: any }} props */
function Doubts({ change }) {
  return html`<dl class="written">
    ${Object.entries(change.doubts).map(
      ([field, doubt]) => html`<div key=${field}>
        <dt>${fieldName(field)}</dt>
        <dd>
          <ins>${change.after[field]}</ins> was written, its source says
          ${doubt.said_now === null ? " nothing" : html` <strong>${doubt.said_now}</strong>`} now
        </dd>
      </div>`,
    )}
  </dl>`;
}

/**
 * Return the headings of days, by the change that each stands above.
 * @param {any[]} changes latest first
 * @returns {Map<number, string>}
 */
function firstOfDays(changes) {
  const days = new Map();
  let former = "";
  for (const change of changes) {
    const day = dayOf(new Date(change.created_at));
    if (day !== former) days.set(change.change_id, day);
    former = day;
  }
  return days;
}

/** @param {Date} moment */
function dayOf(moment) {
  const today = new Date();
  const yesterday = new Date(today);
  yesterday.setDate(today.getDate() - 1);
  if (moment.toDateString() === today.toDateString()) return "Today";
  if (moment.toDateString() === yesterday.toDateString()) return "Yesterday";
  return moment.toLocaleDateString("en", { dateStyle: "full" });
}
