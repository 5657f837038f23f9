/** What is in the library: how much, what is being done, and each file that words find. */

import { Act } from "./act.js";
import { ask } from "./api.js";
import { useAnswer } from "./asking.js";
import { useCalm } from "./calm.js";
import { ChangeRow } from "./change_row.js";
import { count } from "./format.js";
import { html } from "./html.js";
import { Files, SearchField, useSearch } from "./library_files.js";
import { Folders, Work } from "./library_folders.js";
import { useLive } from "./live.js";
import { Heading } from "./parts.js";
import { justRows, Rows } from "./rows.js";
import { useDo, useSay } from "./says.js";
import { useUndo } from "./undoing.js";

const LATEST = 10;
const LEAST_MS = 2000;

export function Library() {
  const { status } = useLive();
  const search = useSearch();
  return html`<${Heading} title="Library">
      <${Scan} />
    <//>
    ${status && html`<${Facts} status=${status} />`}
    <${SearchField} search=${search} />
    ${
      !search.isNarrow &&
      status &&
      html`<${Work} status=${status} />
      <${Folders} status=${status} />
      <${Latest} />`
    }
    <${Files} search=${search} />`;
}

function Scan() {
  const say = useSay();
  const todo = useDo();
  const scan = () =>
    todo(async () => {
      await ask("/scan", { method: "POST" });
      say("The music folders are looked through now; what is new is listened to.");
    });
  return html`<${Act} label="Scan now" run=${scan} />`;
}

/** @param {{ status: any }} props */
function Facts({ status }) {
  const { recordings, files, libraries } = status;
  const failed = libraries.reduce(
    (/** @type {number} */ sum, /** @type {any} */ each) => sum + each.failed,
    0,
  );
  return html`<div class="facts">
    <p>
      <strong>${count(recordings.references)}</strong> references
      <span class="hint"> · ${lengthOf(recordings.hours)} of music</span>
    </p>
    <a href="#/review"><strong>${count(files.review)}</strong> waiting for review</a>
    <a href="#/library/unknown"><strong>${count(files.unknown)}</strong> unknown</a>
    <a href="#/library/tagged"><strong>${count(files.tagged)}</strong> tagged by Spectra</a>
    <a href="#/library/failed" class=${failed > 0 ? "bad" : undefined}><strong>${count(failed)}</strong> not readable</a>
  </div>`;
}

/** @param {number} hours */
function lengthOf(hours) {
  return hours < 1 ? `${Math.round(hours * 60)} min` : `${count(Math.round(hours))} h`;
}

/** The latest changes, each with its way back. */
function Latest() {
  const changes = useCalm(useLive().changes, LEAST_MS);
  const latest = useAnswer(`/changes?limit=${LATEST}`, changes);
  const undo = useUndo(latest.again);
  return html`<section>
    <h2>Latest changes</h2>
    <${Rows}
      pages=${justRows(latest, "changes")}
      label="Latest changes"
      row=${(/** @type {any} */ change) =>
        html`<${ChangeRow} key=${change.change_id} change=${change} undo=${undo} isShort />`}
      empty="Spectra has written nothing yet."
    />
    ${latest.value?.next != null && html`<p><a href="#/changes">All changes</a></p>`}
  </section>`;
}
