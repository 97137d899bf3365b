/** Owns the line that shows how far the run is: rewritten on a terminal, a short line now and then elsewhere. */

const BAR_LENGTH = 30;

/** Without a terminal, a line for each quarter. */
const PARTS = 4;

export class ProgressLine {
  readonly #output: NodeJS.WriteStream;
  readonly #startedMs: number;
  #isOpen = false;
  #part = 0;
  #done = -1;

  constructor(output: NodeJS.WriteStream, startedMs: number) {
    this.#output = output;
    this.#startedMs = startedMs;
  }

  show(label: string, done: number, total: number): void {
    if (done === this.#done) return;
    this.#done = done;
    const text = `${this.#time()}  ${label} ${bar(done / total)} ${done} of ${total}`;
    if (this.#output.isTTY) {
      this.#isOpen = true;
      this.#output.write(`\r\x1b[2K${text}`);
      return;
    }
    const part = Math.floor((done / total) * PARTS);
    if (part > this.#part) this.#output.write(`${text}\n`);
    this.#part = part;
  }

  #time(): string {
    return `${((Date.now() - this.#startedMs) / 1000).toFixed(2).padStart(5)} s`;
  }

  /** A line of its own, which stays. */
  say(text: string): void {
    if (this.#isOpen) this.#output.write("\n");
    this.#isOpen = false;
    this.#output.write(`${this.#time()}  ${text}\n`);
  }
}

function bar(share: number): string {
  const filled = Math.round(share * BAR_LENGTH);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_LENGTH - filled)}]`;
}
