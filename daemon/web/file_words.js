/** Files, what they may be and what was written to them, in words. */

import { clock, percent, sentence, split } from "./format.js";

const NOTICED_SPEED = 0.005;

/** The states that GET /files knows, and what they are called. */
export const STATES = [
  { value: "all", label: "All files" },
  { value: "unknown", label: "Unknown" },
  { value: "review", label: "Waiting for review" },
  { value: "tagged", label: "Tagged by Spectra" },
  { value: "named", label: "With a name" },
  { value: "incomplete", label: "Without an album" },
  { value: "pending", label: "Not listened to yet" },
  { value: "failed", label: "Not readable" },
  { value: "missing", label: "Gone" },
];

/** @type {Record<string, string>} */
const NAMINGS = { unknown: "Unknown", incomplete: "Album unknown", named: "Has its name" };

/**
 * Return what a file's state is.
 * @param {any} file as GET /files answers it
 */
export function stateOf(file) {
  if (file.status === "missing") return "Not there any more";
  if (file.status === "failed") return "Could not be read";
  if (file.status === "pending") return "Waits to be listened to";
  if (file.proposal?.will_be_written) return "Is tagged soon";
  if (file.proposal) return "Waits for your review";
  return NAMINGS[file.naming] ?? "Not looked at yet";
}

/**
 * Return a file's name without folders.
 * @param {{ path: string }} file or change
 */
export function nameOf(file) {
  return split(file.path).name;
}

/**
 * Return why a file failed, without its name, which is shown beside it.
 * @param {{ path: string, error: string }} file
 */
export function reasonOf({ path, error }) {
  const begin = `${split(path).name}: `;
  return sentence(error.startsWith(begin) ? error.slice(begin.length) : error);
}

/** @type {[string, string][]} */
const FIELDS = [
  ["title", "Title"],
  ["artist", "Artist"],
  ["artists", "Artists"],
  ["album", "Album"],
  ["album_artist", "Album artist"],
  ["track", "Track"],
  ["track_total", "Tracks"],
  ["disc", "Disc"],
  ["disc_total", "Discs"],
  ["date", "Date"],
  ["recording_mbid", "MusicBrainz recording"],
  ["cover", "Cover"],
];

const FIELD_NAMES = new Map(FIELDS);

/**
 * Return what a field is called.
 * @param {string} field
 */
export function fieldName(field) {
  return FIELD_NAMES.get(field) ?? field;
}

/**
 * Return the fields that a change wrote, with what they said before and after; null: nothing
 * @param {any} change
 */
export function written(change) {
  const { before, after } = change;
  return FIELDS.filter(([field]) => JSON.stringify(before[field]) !== JSON.stringify(after[field])).map(
    ([field, label]) => ({ field, label, before: text(before[field]), after: text(after[field]) }),
  );
}

/** @param {any} value of a tag, as the journal has it */
function text(value) {
  if (value === undefined || value === null || value === "") return null;
  if (Array.isArray(value)) return value.join(" & ");
  if (typeof value === "object") return `a picture of ${Math.ceil(value.size_bytes / 1000)} kB`;
  return String(value);
}

/** @type {Record<string, string>} */
const CAUSES = {
  identified: "Identified by its sound",
  accepted: "Accepted",
  named: "Named by hand",
  filled: "Album filled in",
  restored: "Put back as it was",
};

/** @type {Record<string, string>} */
const CHANGE_STATES = {
  prepared: "being written now",
  undoing: "being undone now",
  undone: "undone",
  abandoned: "not written",
};

/**
 * Return why a change was made, and what became of it.
 * @param {any} change
 */
export function causeOf(change) {
  const cause = CAUSES[change.cause] ?? change.cause;
  const state = CHANGE_STATES[change.status];
  const confirmed = change.confirmed_at && change.cause === "identified" ? ", confirmed" : "";
  return state ? `${cause}, ${state}` : cause + confirmed;
}

/** @type {Record<string, string>} */
const RELATIONS = {
  copy: "The same sound from begin to end",
  version: "This recording, with other sound over it or in its place",
  edit: "An edit of this recording",
  excerpt: "A part of this recording",
  contains: "All of this recording, and more",
  shares: "Has some sound in common with this recording",
};

/**
 * Return why a file may be a candidate, as sentences.
 * @param {any} candidate
 */
export function evidenceOf(candidate) {
  const relation = RELATIONS[candidate.relation] ?? candidate.relation;
  const [first] = candidate.passages;
  const [ofFile, ofRecording] = [candidate.file_coverage, candidate.recording_coverage].map(percent);
  const sentences = [`${relation}: ${ofFile} of the file, ${ofRecording} of the recording.`];
  if (first && candidate.relation !== "copy") {
    const [begin, end] = first.file_span_s;
    sentences.push(`In the file from ${clock(begin)} to ${clock(end)}.`);
  }
  const faster = first ? first.speed - 1 : 0;
  if (Math.abs(faster) >= NOTICED_SPEED) {
    const share = (Math.abs(faster) * 100).toFixed(1);
    sentences.push(`The file plays it ${share} % ${faster > 0 ? "faster" : "slower"}.`);
  }
  return sentences.join(" ");
}

/** @type {Record<string, string>} */
const SOURCES = {
  "MusicBrainz-tagged file": "a file tagged with MusicBrainz",
  "tagged file": "a tagged file",
  "album audio": "the album audio of a playlist",
  video: "a playlist's video",
};

/**
 * Return where names come from: which fields, and from what.
 * @param {Record<string, any>} sources by field
 */
export function originsOf(sources) {
  /** @type {Map<string, { fields: string[], kind: string, file: number | null, path: string | null }>} */
  const origins = new Map();
  for (const [field, source] of Object.entries(sources)) {
    const key = `${source.kind} ${source.file} ${source.recording}`;
    const known = origins.get(key);
    if (known) known.fields.push(fieldName(field).toLowerCase());
    else {
      const kind = SOURCES[source.kind] ?? source.kind;
      const fields = [fieldName(field).toLowerCase()];
      origins.set(key, { fields, kind, file: source.file, path: source.path });
    }
  }
  return [...origins.values()];
}
