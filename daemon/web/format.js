/** Values as people read them. */

/**
 * Return minutes and seconds, and hours if there are any: "4:07", "1:04:07".
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.round(Math.abs(seconds));
  const sign = seconds < 0 && whole > 0 ? "−" : "";
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return sign + (hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`);
}

/**
 * Return a share as whole percent.
 * @param {number} share 0..1
 */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/**
 * Return how sure an answer is, which is never certain: "87 %", "over 99 %".
 * @param {number} confidence 0..1
 */
export function sure(confidence) {
  return confidence > 0.99 ? "over 99 %" : percent(confidence);
}

/**
 * Return how long ago, or in how long, a moment is: "3 minutes ago", "in 2 hours".
 * @param {string} moment ISO 8601
 * @param {number} nowMs
 */
export function ago(moment, nowMs = Date.now()) {
  const seconds = (new Date(moment).getTime() - nowMs) / 1000;
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const units = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return format.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

/**
 * Return in how long a moment is, which may have come: "in 2 hours", "soon".
 * @param {string} moment ISO 8601
 * @param {number} nowMs
 */
export function soon(moment, nowMs = Date.now()) {
  return new Date(moment).getTime() - nowMs < 60_000 ? "soon" : ago(moment, nowMs);
}

/**
 * Return a number with its thousands apart.
 * @param {number} value
 */
export function count(value) {
  return value.toLocaleString("en");
}

/**
 * Return a number and its noun: "1 file", "2,000 files".
 * @param {number} value
 * @param {string} noun
 * @param {string} nouns
 */
export function counted(value, noun, nouns = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

/**
 * Return the last part of a path, and the folders before it.
 * @param {string} path
 */
export function split(path) {
  const cut = path.lastIndexOf("/") + 1;
  return { folder: path.slice(0, cut), name: path.slice(cut) };
}

/**
 * Return a text with its first letter large, unless it begins with an option or a file, and its full stop.
 * @param {string} text
 */
export function sentence(text) {
  const isName = /^\S*[._/=]\S/.test(text);
  const begin = isName ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begin) ? begin : `${begin}.`;
}
