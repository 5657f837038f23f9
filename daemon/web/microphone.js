/** Sound from the microphone, as the browser's recorder encodes it. */

import { pause, RequestFailed } from "./api.js";

const CHUNK_MS = 250;
const QUIET_DB = -60;
const LOUD_DB = -10;

/** Return why this page gets no microphone, as a sentence; null if it may get one. */
export function whyNoMicrophone() {
  if (!window.isSecureContext) {
    return (
      "Browsers give a page the microphone only over https, or on the machine itself. " +
      "Set server.tls_certificate and server.tls_key, or record with another app and choose the file here."
    );
  }
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    return "This browser can't record sound. Choose a file instead.";
  }
  return null;
}

/** A recording that goes on until it is closed. */
export class Recording {
  /** @type {Blob[]} */
  #chunks = [];
  #recorder;
  #stream;
  #context;
  #analyser;
  #samples;
  #begunMs = 0;
  #loudest = 0;

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.#stream = stream;
    this.#recorder = new MediaRecorder(stream, { audioBitsPerSecond: 128_000 });
    this.#recorder.ondataavailable = (event) => {
      if (event.data.size > 0) this.#chunks.push(event.data);
    };
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 2048;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
  }

  /** Ask for the microphone and begin. Raises RequestFailed with what to do. */
  static async begin() {
    let stream;
    try {
      // What makes speech clearer takes music apart.
      const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw new RequestFailed(refusalOf(error), 0);
    }
    const recording = new Recording(stream);
    recording.#recorder.start(CHUNK_MS);
    recording.#begunMs = performance.now();
    return recording;
  }

  /** Return for how long it has been recorded, in seconds. */
  get lengthS() {
    return (performance.now() - this.#begunMs) / 1000;
  }

  /** Return how loud it is now: 0 (silent) to 1. */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, each) => sum + each * each, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power + 1e-12);
    const level = Math.min(1, Math.max(0, (decibels - QUIET_DB) / (LOUD_DB - QUIET_DB)));
    this.#loudest = Math.max(this.#loudest, level);
    return level;
  }

  /** Whether nothing was heard at all, of what was looked at. */
  get isSilent() {
    return this.#loudest === 0;
  }

  /**
   * Return what was recorded once it is so long.
   * @param {number} seconds
   * @param {AbortSignal} signal
   */
  async first(seconds, signal) {
    await pause(Math.max(0, (seconds - this.lengthS) * 1000) + CHUNK_MS, signal);
    return new Blob(this.#chunks, { type: this.#recorder.mimeType });
  }

  /** Give the microphone back. */
  close() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    for (const track of this.#stream.getTracks()) track.stop();
    this.#context.close();
  }
}

/** @param {unknown} error */
function refusalOf(error) {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
      return "The browser does not let this page listen: allow the microphone for this address, then try again.";
    case "NotFoundError":
      return "This device has no microphone. Choose a file instead.";
    case "NotReadableError":
      return "Another program holds the microphone: close it, then try again.";
    default:
      return `The microphone can't be used: ${error instanceof Error ? error.message : error}`;
  }
}
