/** The REST API: answers are values, refusals are errors whose message is the daemon's sentence. */

/** A request that the daemon refused, or that didn't reach it. */
export class RequestFailed extends Error {
  /**
   * @param {string} message what to show
   * @param {number} status HTTP's; 0 if nothing answered
   */
  constructor(message, status) {
    super(message);
    this.name = "RequestFailed";
    this.status = status;
  }

  /** Whether the one who asks has to sign in. */
  get needsSignIn() {
    return this.status === 401 || this.status === 403;
  }
}

/** An event of the window: the session ended, in another tab perhaps. Its detail is the RequestFailed. */
export const SIGNED_OUT = "spectra-signed-out";

const SESSION = "/session";

const LONGEST_WAIT_S = 90;
const MOST_TRIES = 3;

/**
 * Return the answer's JSON, or null where it has no body. Waits where the daemon asks to come more slowly.
 * @param {string} path
 * @param {{ method?: string, body?: object | Blob, signal?: AbortSignal }} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, options = {}) {
  const response = await answer(path, options);
  return response.status === 204 ? null : response.json();
}

/**
 * Return the whole answer, for what is no JSON. Raises RequestFailed.
 * @param {string} path
 * @param {{ method?: string, body?: object | Blob, signal?: AbortSignal }} [options]
 * @returns {Promise<Response>}
 */
export async function answer(path, { method = "GET", body, signal } = {}) {
  const isRaw = body instanceof Blob;
  /** @type {RequestInit} */
  const request = {
    method,
    body: body === undefined ? undefined : isRaw ? body : JSON.stringify(body),
    headers:
      body === undefined ? {} : { "Content-Type": isRaw ? "application/octet-stream" : "application/json" },
    credentials: "same-origin",
    signal,
  };
  for (let attempt = 1; ; attempt += 1) {
    const response = await fetch(path, request).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new RequestFailed(
        "Spectra does not answer: is it running, and is this device in its network?",
        0,
      );
    });
    if (response.ok) return response;
    const waitS = Number(response.headers.get("Retry-After") ?? Number.NaN);
    const isTooOften = response.status === 429 && waitS <= LONGEST_WAIT_S && attempt < MOST_TRIES;
    if (!isTooOften) {
      const refusal = new RequestFailed(await sentenceOf(response), response.status);
      if (response.status === 401 && path !== SESSION) {
        dispatchEvent(new CustomEvent(SIGNED_OUT, { detail: refusal }));
      }
      throw refusal;
    }
    await pause(waitS * 1000, signal);
  }
}

/**
 * Send a clip and return its task once it is done. Raises RequestFailed.
 * @param {Blob} clip
 * @param {AbortSignal} [signal]
 */
export async function matchClip(clip, signal) {
  const { task_id: taskId } = await ask("/match_file", { method: "POST", body: clip, signal });
  for (let waitMs = 150; ; waitMs = Math.min(waitMs * 1.3, 1000)) {
    await pause(waitMs, signal);
    const task = await ask(`/task_status/${taskId}`, { signal });
    if (task.status === "success") return task;
    if (task.status === "fail") throw new RequestFailed(task.error, 422);
  }
}

/**
 * Wait.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** @param {Response} response */
async function sentenceOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error || response.statusText;
  } catch {
    return `${response.status} ${response.statusText}`;
  }
}
