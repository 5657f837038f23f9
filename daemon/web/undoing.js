/** Take back what was written to a file. */

import { ask, RequestFailed } from "./api.js";
import { nameOf } from "./file_words.js";
import { counted } from "./format.js";
import { useCallback } from "./html.js";
import { useSay } from "./says.js";

/**
 * Return how to undo a change. A refusal is said; where the tags, at least, can be put back, that is offered.
 * @param {(change: any) => void} [onUndone] called with the change as it is then
 */
export function useUndo(onUndone) {
  const say = useSay();
  const undo = useCallback(
    async (/** @type {any} */ change, force = false) => {
      try {
        const answer = await ask(`/changes/${change.change_id}/undo`, { method: "POST", body: { force } });
        say(
          `${nameOf(change)}: undone, it ${answer.restored ? "says what it said before" : "is as it was"}.`,
        );
        sayDerived(say, answer.derived);
        onUndone?.(answer.change);
      } catch (failed) {
        if (!(failed instanceof RequestFailed)) throw failed;
        const isForcible = failed.status === 409 && !force && failed.message.includes("with force");
        const action = { label: "Put the tags back", run: () => void undo(change, true) };
        say(failed.message, { isError: true, action: isForcible ? action : undefined });
      }
    },
    [say, onUndone],
  );
  return undo;
}

/**
 * Say that other files were named after one that is called otherwise now.
 * @param {import("./says.js").Say} say
 * @param {number[]} derived changes
 */
export function sayDerived(say, derived) {
  if (derived.length === 0) return;
  const look = { label: "Look", run: () => location.assign("#/changes") };
  say(`Its former name was given to others in ${counted(derived.length, "change")}: are these right?`, {
    action: look,
  });
}
