/** A finding of the audit: which files it is about, what they are to each other, and which is the better one. */

import { clock, counted, percent, sentence, split } from "./format.js";
import { html, useState } from "./html.js";
import { Player } from "./parts.js";

/** The kinds of findings, in the order of a report. */
export const KINDS = [
  { kind: "mislabelled", title: "One sound, several names" },
  { kind: "duplicates", title: "There several times" },
  { kind: "broken", title: "Silent or broken" },
];

/** @type {Record<string, string>} */
const PROBLEMS = {
  failed: "Can't be read",
  truncated: "Cut off",
  silent: "All but silent",
  short: "Too short to be known again",
};

/** @type {Record<string, string>} */
const CODECS = { mp3: "MP3", aac: "AAC", flac: "FLAC", alac: "ALAC", opus: "Opus", vorbis: "Vorbis" };

const MOST_NAMES = 3;
const MOST_SHOWN = 8;
const AUDIBLE_SPEED = 0.003;

/** @param {{ finding: any }} props */
export function Finding({ finding }) {
  const [isAll, setAll] = useState(false);
  const title = KINDS.find((each) => each.kind === finding.kind)?.title ?? finding.kind;
  const members = isAll ? finding.members : finding.members.slice(0, MOST_SHOWN);
  const left = finding.members.length - members.length;
  return html`<li class="sheet finding">
    <p class="hint">${title}${finding.problem && ` · ${PROBLEMS[finding.problem] ?? finding.problem}`}</p>
    <h3>${heading(finding)}</h3>
    <p>${sentence(finding.reason)}</p>
    <ol class="members">
      ${members.map(
        (/** @type {any} */ each) =>
          html`<${Member} key=${each.place} member=${each} members=${finding.members} kind=${finding.kind} />`,
      )}
    </ol>
    ${left > 0 && html`<button type="button" onClick=${() => setAll(true)}>Show ${counted(left, "more file", "more files")}</button>`}
  </li>`;
}

/**
 * Return what a finding is about: the names that contradict each other, else a name, else a file.
 * @param {any} finding
 */
function heading({ kind, members }) {
  if (kind === "mislabelled") {
    const named = members.filter((/** @type {any} */ each) => each.name !== null);
    named.sort((/** @type {any} */ one, /** @type {any} */ other) => one.name - other.name);
    return [...new Set(named.map(nameOf))].slice(0, MOST_NAMES).join(" or ");
  }
  const [first] = members;
  if (!first) return "";
  return kind === "duplicates" && first.title ? nameOf(first) : fileName(first);
}

/** @param {{ member: any, members: any[], kind: string }} props */
function Member({ member, members, kind }) {
  const isThere = member.file_id !== null && !member.is_missing;
  const facts = quality(member);
  return html`<li>
    <div>
      <${Place} member=${member} isThere=${isThere} />
      ${kind === "mislabelled" && html`<${Name} member=${member} />`}
      <${Related} member=${member} members=${members} isBest=${kind === "duplicates" && members.length > 1} />
      ${facts && html`<p class="quality">${facts}</p>`}
      ${member.is_missing && html`<p class="bad">It is gone since.</p>`}
      ${member.is_changed && !member.is_missing && html`<p class="bad">It was changed since.</p>`}
    </div>
    ${isThere && html`<${Player} address=${`/files/${member.file_id}/audio`} label=${fileName(member)} />`}
  </li>`;
}

/** @param {{ member: any, isThere: boolean }} props */
function Place({ member, isThere }) {
  if (member.path === null) return html`<p>A reference from a playlist</p>`;
  const { folder, name } = split(member.path);
  return html`<p>
    ${isThere ? html`<a href=${`#/files/${member.file_id}`}>${name}</a>` : html`<span>${name}</span>`}
    <span class="hint folder">${folder}</span>
  </p>`;
}

/**
 * What a file says that the sound is, and whose word that is.
 * @param {{ member: any }} props
 */
function Name({ member }) {
  if (member.name === null) return html`<p class="hint">It says no name.</p>`;
  return html`<p>
    <strong>${nameOf(member)}</strong> <span class="hint">according to a ${member.source}</span>
    ${member.is_likely && html` <span class="state good">likelier</span>`}
  </p>`;
}

/**
 * What a file is to which other one.
 * @param {{ member: any, members: any[], isBest: boolean }} props `isBest`: one that is related to none is the best
 */
function Related({ member, members, isBest }) {
  if (member.relation === null) {
    return isBest && member.place === 0 ? html`<p class="state good">The best of these files</p>` : null;
  }
  return html`<p>${sentence(relation(member, members))}</p>`;
}

/**
 * Return what a member is to which other one: "excerpt of one.flac, 60 % of it".
 * @param {any} member
 * @param {any[]} members
 */
function relation(member, members) {
  const other = members.find((each) => each.place === member.related_to);
  /** @type {Record<string, string>} */
  const words = { identical: "the same bytes as", fuller: "a fuller version of", contains: "contains" };
  const article = /^[aeiou]/.test(member.relation) ? "an" : "a";
  const parts = [
    `${words[member.relation] ?? `${article} ${member.relation} of`} ${other ? fileName(other) : "another file"}`,
  ];
  if (member.relation === "edit" || member.relation === "excerpt")
    parts.push(`${percent(member.other_coverage)} of it`);
  if (member.relation === "version") parts.push(`${percent(member.met_share)} of the peaks are the same`);
  if (Math.abs(member.speed - 1) > AUDIBLE_SPEED)
    parts.push(`at ${(member.speed * 100).toFixed(1)} % of its speed`);
  return parts.join(", ");
}

/**
 * Return format, rates, length and size, as far as they are known.
 * @param {any} member
 */
function quality(member) {
  const { channels } = member;
  const parts = [
    member.codec && (CODECS[member.codec] ?? member.codec),
    member.lossless && "lossless",
    member.bit_rate && `${Math.round(member.bit_rate / 1000)} kbit/s`,
    member.sample_rate_hz && `${member.sample_rate_hz / 1000} kHz`,
    channels && (["mono", "stereo"][channels - 1] ?? `${channels} channels`),
    member.duration_s !== null && clock(member.duration_s),
    member.size_bytes !== null && size(member.size_bytes),
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {number} bytes */
function size(bytes) {
  return bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {any} member */
function nameOf(member) {
  return [member.title, member.artist].filter(Boolean).join(" by ");
}

/** @param {any} member */
function fileName(member) {
  return member.path === null ? "a reference" : split(member.path).name;
}
