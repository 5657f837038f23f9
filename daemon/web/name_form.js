/** Say by hand what a file is. */

import { ask, RequestFailed } from "./api.js";
import { nameOf } from "./file_words.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { Trouble } from "./parts.js";

const LONGEST_VALUE = 1000;
const LARGEST_NUMBER = 65535;

/**
 * @typedef {object} Field
 * @property {string} name as POST /files/ID/name takes it
 * @property {string} label
 * @property {boolean} [isNeeded]
 * @property {boolean} [isNumber]
 * @property {string} [pattern]
 * @property {string} [hint]
 */

/** @type {Field[]} */
const FIELDS = [
  { name: "title", label: "Title", isNeeded: true },
  { name: "artist", label: "Artist", isNeeded: true },
  { name: "album", label: "Album" },
  { name: "album_artist", label: "Album artist" },
  {
    name: "date",
    label: "Date",
    pattern: "\\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\\d|3[01]))?)?",
    hint: "1959, 1959-08 or 1959-08-17",
  },
  { name: "track", label: "Track", isNumber: true },
  { name: "disc", label: "Disc", isNumber: true },
];

/**
 * @param {{ file: any, onNamed: (answer: any) => void, onClose: () => void }} props
 *   `onNamed` gets the answer of POST /files/ID/name
 */
export function NameForm({ file, onNamed, onClose }) {
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => {
    const first = form.current?.querySelector("input");
    first?.focus();
    first?.select();
  }, []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (isBusy || !form.current) return;
    setBusy(true);
    setError(null);
    try {
      const body = spoken(new FormData(form.current));
      onNamed(await ask(`/files/${file.file_id}/name`, { method: "POST", body }));
    } catch (failed) {
      if (!(failed instanceof RequestFailed)) throw failed;
      setError(failed.message);
    } finally {
      setBusy(false);
    }
  };
  const close = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    onClose();
  };
  return html`<form
    ref=${form}
    class="sheet name-form"
    aria-label=${`What is ${nameOf(file)}?`}
    onSubmit=${submit}
    onKeyDown=${close}
  >
    <div class="fields">
      ${FIELDS.map((each) => html`<${Input} key=${each.name} field=${each} file=${file} />`)}
    </div>
    <${Trouble} error=${error} />
    <div class="actions">
      <button type="submit" class="strong" aria-disabled=${isBusy}>${isBusy ? "Writing …" : "Write this"}</button>
      <button type="button" onClick=${onClose}>Cancel</button>
      <span class="hint">Title and artist are needed. Other files with this sound get the name, too.</span>
    </div>
  </form>`;
}

/**
 * What the file says already is there; what its candidates say is suggested.
 * @param {{ field: Field, file: any }} props
 */
function Input({ field, file }) {
  const id = `name-${file.file_id}-${field.name}`;
  const suggested = new Set(
    (file.proposal?.candidates ?? [])
      .map((/** @type {any} */ each) => each.fields[field.name])
      .filter(Boolean),
  );
  return html`<label for=${id}>
    ${field.label}
    <input
      id=${id}
      name=${field.name}
      type=${field.isNumber ? "number" : "text"}
      defaultValue=${file[field.name] ?? ""}
      required=${field.isNeeded}
      min=${field.isNumber ? 1 : undefined}
      max=${field.isNumber ? LARGEST_NUMBER : undefined}
      maxlength=${field.isNumber ? undefined : LONGEST_VALUE}
      pattern=${field.pattern}
      title=${field.hint}
      placeholder=${field.hint}
      autocomplete="off"
      list=${suggested.size > 0 ? `${id}-list` : undefined}
    />
    ${
      suggested.size > 0 &&
      html`<datalist id=${`${id}-list`}>${[...suggested].map((each) => html`<option value=${each} />`)}</datalist>`
    }
  </label>`;
}

/**
 * Return what was typed, as the daemon takes it.
 * @param {FormData} typed
 */
function spoken(typed) {
  const given = FIELDS.map((each) => [each, String(typed.get(each.name) ?? "").trim()]);
  return Object.fromEntries(
    /** @type {[Field, string][]} */ (given)
      .filter(([, value]) => value !== "")
      .map(([field, value]) => [field.name, field.isNumber ? Number(value) : value]),
  );
}
