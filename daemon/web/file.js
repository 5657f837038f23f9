/** One file: what it says, what it may be, what was written to it. */

import { Act } from "./act.js";
import { useAnswer } from "./asking.js";
import { useCalm } from "./calm.js";
import { Candidates, Reason } from "./candidates.js";
import { ChangeRow } from "./change_row.js";
import { useDeciding } from "./deciding.js";
import { stateOf } from "./file_words.js";
import { clock, counted, split } from "./format.js";
import { html, useState } from "./html.js";
import { useLive } from "./live.js";
import { NameForm } from "./name_form.js";
import { Cover, Failure, Heading, Player, Trouble } from "./parts.js";
import { Rows } from "./rows.js";
import { useUndo } from "./undoing.js";

const LEAST_MS = 2000;

/** @param {{ fileId: string }} props */
export function File({ fileId }) {
  const { status, changes } = useLive();
  const occasion = useCalm(`${changes} ${JSON.stringify([status?.files, status?.libraries])}`, LEAST_MS);
  const { value: file, error, again } = useAnswer(`/files/${encodeURIComponent(fileId)}`, occasion);
  if (file === null) {
    return html`<${Heading} title="File"><a href="#/library">To the library</a><//>
      <${Trouble} error=${error} again=${again} />`;
  }
  return html`<${Heading} title=${file.title ?? split(file.path).name}>
      <a href="#/library">To the library</a>
    <//>
    <${Trouble} error=${error} again=${again} />
    <${About} file=${file} />
    <${Decide} file=${file} again=${again} />
    <${Written} file=${file} again=${again} />`;
}

/** @param {{ file: any }} props */
function About({ file }) {
  const { folder, name } = split(file.path);
  /** @type {[string, string | null][]} */
  const facts = [
    ["Title", file.title],
    ["Artist", file.artist],
    ["Album", file.album],
    ["Length", file.duration_s === null ? null : clock(file.duration_s)],
    ["File", name],
    ["Folder", folder],
    ["Recording", file.recording_id === null ? null : String(file.recording_id)],
  ];
  return html`<section class="sheet of-one" aria-label="About this file">
    <${Cover} address=${`/files/${file.file_id}/cover`} size="large" />
    <div>
      <p class="verdict">${stateOf(file)}</p>
      ${file.error && html`<${Failure} file=${file} />`}
      <dl class="written">
        ${facts.map(
          ([label, value]) =>
            value !== null &&
            html`<div key=${label}>
            <dt>${label}</dt>
            <dd>${value}</dd>
          </div>`,
        )}
      </dl>
      ${file.status !== "missing" && html`<${Player} address=${`/files/${file.file_id}/audio`} label=${name} />`}
    </div>
  </section>`;
}

/** @param {{ file: any, again: () => void }} props */
function Decide({ file, again }) {
  const [isNaming, setNaming] = useState(false);
  const deciding = useDeciding({ onDecided: again, onRefused: again, onUndone: again });
  const isBusy = deciding.isBusy(file);
  const canBeNamed = file.status !== "missing" && file.status !== "failed";
  return html`<section aria-labelledby="decide">
    <h2 id="decide" tabindex="-1">${file.proposal ? "What it may be" : "Its name"}</h2>
    ${
      file.proposal &&
      html`<${Reason} proposal=${file.proposal} />
      <${Candidates}
        file=${file}
        isBusy=${isBusy}
        accept=${(/** @type {any} */ each) => decided(deciding.accept(file, each))}
      />`
    }
    ${
      isNaming
        ? html`<${NameForm}
          file=${file}
          onNamed=${(/** @type {any} */ answer) => {
            setNaming(false);
            decided(deciding.named(file, answer));
          }}
          onClose=${() => {
            setNaming(false);
            decided();
          }}
        />`
        : html`<div class="actions">
          ${
            file.proposal &&
            html`<${Act}
              label=${file.proposal.candidates.length === 1 ? "Reject" : "None of these"}
              isBusy=${isBusy}
              run=${() => decided(deciding.reject(file))}
            />`
          }
          ${canBeNamed && html`<${Act} label="Type the name" run=${() => setNaming(true)} />`}
        </div>`
    }
    ${
      file.rejected.length > 0 &&
      html`<p>
        Rejected: ${file.rejected.map((/** @type {any} */ each) => `${each.title}, ${each.artist}`).join("; ")}.
      </p>
      <div class="actions">
        <${Act} label="Consider again" isBusy=${isBusy} run=${() => decided(deciding.reconsider(file))} />
      </div>`
    }
  </section>`;
}

/**
 * Move the focus to what stays: the button that had it goes.
 * @param {unknown} [decision]
 */
async function decided(decision) {
  await decision;
  document.getElementById("decide")?.focus();
}

/** @param {{ file: any, again: () => void }} props */
function Written({ file, again }) {
  const undo = useUndo(again);
  const pages = { rows: file.changes, isRead: true, error: null, isAsking: false, more: null, again };
  return html`<section>
    <h2>What Spectra wrote</h2>
    ${
      file.derived.length > 0 &&
      html`<p class="hint">
        Other files got their name from this one: <a href="#/changes">${counted(file.derived.length, "change")}</a>.
      </p>`
    }
    <${Rows}
      pages=${pages}
      label="Changes to this file"
      row=${(/** @type {any} */ change) =>
        html`<${ChangeRow} key=${change.change_id} change=${change} undo=${undo} />`}
      empty="Nothing: the file is as it came."
    />
  </section>`;
}
