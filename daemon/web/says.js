/** Short messages at the page's foot, read aloud by screen readers, with one thing to do at most. */

import { RequestFailed } from "./api.js";
import { createContext, html, useCallback, useContext, useEffect, useRef, useState } from "./html.js";

const SHOWN_MS = 8000;

/**
 * @typedef {object} Message
 * @property {number} id
 * @property {string} text
 * @property {boolean} isError
 * @property {{ label: string, run: () => void } | undefined} action
 */

/** @typedef {(text: string, options?: { isError?: boolean, action?: { label: string, run: () => void } }) => void} Say */

export const SayContext = createContext(/** @type {Say} */ (() => {}));

/** Return how to say something. */
export function useSay() {
  return useContext(SayContext);
}

/** Return how to do something that may be refused: its refusal is said, and answered with undefined. */
export function useDo() {
  const say = useSay();
  return useCallback(
    /**
     * @template T
     * @param {() => Promise<T>} work
     * @returns {Promise<T | undefined>}
     */
    async (work) => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        say(error.message, { isError: true });
        return undefined;
      }
    },
    [say],
  );
}

/** @param {{ children?: any }} props */
export function Messages({ children }) {
  const [messages, setMessages] = useState(/** @type {Message[]} */ ([]));
  const next = useRef(0);
  const drop = useCallback(
    (/** @type {number} */ id) => setMessages((old) => old.filter((each) => each.id !== id)),
    [],
  );
  const say = useCallback(
    /** @type {Say} */
    (text, { isError = false, action } = {}) => {
      const id = next.current++;
      setMessages((old) => [...old.slice(-2), { id, text, isError, action }]);
    },
    [],
  );
  return html`<${SayContext.Provider} value=${say}>
    ${children}
    <div class="messages" role="status" aria-live="polite">
      ${messages.map((each) => html`<${Shown} key=${each.id} message=${each} drop=${drop} />`)}
    </div>
  <//>`;
}

/** @param {{ message: Message, drop: (id: number) => void }} props */
function Shown({ message, drop }) {
  useEffect(() => {
    if (message.isError) return undefined;
    const timer = setTimeout(() => drop(message.id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [message]);
  return html`<div class=${message.isError ? "message error" : "message"}>
    <span>${message.text}</span>
    ${
      message.action &&
      html`<button
      type="button"
      onClick=${() => {
        drop(message.id);
        message.action?.run();
      }}
    >
      ${message.action.label}
    </button>`
    }
    <button type="button" class="quiet" aria-label="Close this message" onClick=${() => drop(message.id)}>×</button>
  </div>`;
}
