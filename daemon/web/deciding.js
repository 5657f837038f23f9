/** What a person decides about files: each decision is said, and what was written can be taken back. */

import { ask } from "./api.js";
import { nameOf } from "./file_words.js";
import { useRef, useState } from "./html.js";
import { useDo, useSay } from "./says.js";
import { sayDerived, useUndo } from "./undoing.js";

/**
 * Return what can be decided.
 * @param {{ onDecided: (file: any) => void, onRefused: (file: any) => void, onUndone: () => void }} events
 */
export function useDeciding({ onDecided, onRefused, onUndone }) {
  const say = useSay();
  const todo = useDo();
  const undo = useUndo(onUndone);
  const last = useRef(/** @type {any[]} */ ([]));
  const running = useRef(new Set());
  const [busy, setBusy] = useState(/** @type {Set<number>} */ (new Set()));

  const takeBack = (/** @type {any} */ change) => {
    last.current = last.current.filter((each) => each !== change);
    return undo(change);
  };
  const told = (/** @type {any} */ file, /** @type {any} */ change) => {
    if (change === null) return say(`${nameOf(file)} says all that already.`);
    last.current.push(change);
    const { title, artist } = change.after;
    const text = `${nameOf(file)} is ${[title, artist].filter(Boolean).join(", ")}.`;
    return say(text, { action: { label: "Undo", run: () => takeBack(change) } });
  };
  const once = async (
    /** @type {any} */ file,
    /** @type {() => Promise<void>} */ work,
    onDone = onDecided,
  ) => {
    const id = file.file_id;
    if (running.current.has(id)) return;
    running.current.add(id);
    setBusy(new Set(running.current));
    const isDone = await todo(async () => {
      await work();
      return true;
    });
    running.current.delete(id);
    setBusy(new Set(running.current));
    if (isDone) onDone(file);
    else onRefused(file);
  };
  const reconsider = (/** @type {any} */ file) => {
    const work = async () => {
      await ask(`/files/${file.file_id}/reconsider`, { method: "POST" });
      say(`${nameOf(file)} is looked at again.`);
    };
    return once(file, work, onUndone);
  };
  return {
    isBusy: (/** @type {any} */ file) => busy.has(file.file_id),
    accept: (/** @type {any} */ file, /** @type {any} */ candidate) =>
      once(file, async () => {
        const body = { candidate: candidate.recording };
        told(file, (await ask(`/files/${file.file_id}/accept`, { method: "POST", body })).change);
      }),
    reject: (/** @type {any} */ file) =>
      once(file, async () => {
        await ask(`/files/${file.file_id}/reject`, { method: "POST" });
        say(`${nameOf(file)}: that is never proposed again.`, {
          action: { label: "Take back", run: () => reconsider(file) },
        });
      }),
    reconsider,
    named: (/** @type {any} */ file, /** @type {any} */ answer) => {
      told(file, answer.change);
      sayDerived(say, answer.derived);
      onDecided(file);
    },
    undoLast: () => {
      const change = last.current.at(-1);
      return change ? takeBack(change) : say("There is nothing to undo here; Changes lists all.");
    },
  };
}
