/**
 * Owns how often S3 is asked, and how long an answer is waited for: this package's use of timers, clock and
 * randomness.
 *
 * Every request may be made again: a key is only ever written with the same bytes, and a key that does not exist
 * counts as deleted.
 *
 * Timers are bound when this module loads: faked time, which passes while an answer is on its way, gives up nothing.
 */

const { clearTimeout, setImmediate, setTimeout } = globalThis;

/** The first attempt that nothing is heard of for so long is given up. Below half of the default for `retryTimeoutMs`. */
const SILENCE_MS = 4_000;
/** A request takes longer when it sends much: at this rate, which is that of a poor connection. */
const SLOWEST_BYTES_PER_MS = 128;
/** Below the 50 sockets of the AWS SDK's default: who waits for a socket would seem to wait for an answer. */
const MAX_CONCURRENT = 40;
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1_000;

/** One attempt, as its request sees it. */
export interface Attempt {
  readonly abortSignal: AbortSignal;
  /** Something has come: the attempt is not silent. */
  heard(): void;
}

interface AttemptsOptions {
  readonly retryTimeoutMs: number;
  readonly isPassing: (error: unknown) => boolean;
}

export class Attempts {
  readonly #options: AttemptsOptions;
  #isOver = false;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Nothing is tried again from now on. */
  end(): void {
    this.#isOver = true;
  }

  /** When it is its turn: tries until there is an answer, or trying again does not help or has taken `retryTimeoutMs`. */
  async run<T>(send: (attempt: Attempt) => Promise<T>, sentBytes = 0): Promise<T> {
    if (this.#running < MAX_CONCURRENT) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await this.#untilAnswered(send, sentBytes);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #untilAnswered<T>(send: (attempt: Attempt) => Promise<T>, sentBytes: number): Promise<T> {
    const { retryTimeoutMs, isPassing } = this.#options;
    const startedMs = performance.now();
    for (let attempt = 0; ; attempt++) {
      try {
        // Twice as long each time: what is slow, here or there, must not be asked ever more and never waited for.
        return await attemptOnce(send, SILENCE_MS * 2 ** attempt + sentBytes / SLOWEST_BYTES_PER_MS);
      } catch (error) {
        const delayMs = delayOf(attempt);
        const isInTime = performance.now() + delayMs - startedMs <= retryTimeoutMs;
        if (this.#isOver || !isInTime || !isPassing(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }
}

async function attemptOnce<T>(send: (attempt: Attempt) => Promise<T>, silenceMs: number): Promise<T> {
  const controller = new AbortController();
  // What has come while the event loop was held up is taken before: timers are first to run.
  const timer = setTimeout(() => setImmediate(() => controller.abort()), silenceMs);
  try {
    return await send({ abortSignal: controller.signal, heard: () => timer.refresh() });
  } finally {
    clearTimeout(timer);
  }
}

/** Half of the delay is random, so that processes which collide once do not collide again. */
function delayOf(attempt: number): number {
  return Math.round(Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS) * (0.5 + Math.random() / 2));
}
