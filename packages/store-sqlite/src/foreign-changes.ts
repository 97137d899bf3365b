/**
 * Owns the notice that another connection, of this process or another, has changed the file.
 *
 * SQLite keeps a number that moves with every foreign commit; reading it costs a few microseconds
 * and no disk access. Only while somebody listens, and then in one of two ways:
 *
 * - `watching`: when the write-ahead log changes on disk, and at intervals where the file system
 *   does not tell.
 * - `busy`: while this process writes by itself, its own commits would wake the watcher each time
 *   (14 µs per fsynced append, measured), so short intervals do the looking.
 */

import { type FSWatcher, watch } from "node:fs";
import { everyIfAlive } from "./turn.js";

const BUSY_INTERVAL_MS = 10;

/** Own commits pause for this long before the watcher is worth setting up again: 10 x 10 ms. */
const QUIET_INTERVALS = 10;

interface ForeignChangesOptions {
  /** Moves with every commit of another connection. */
  readonly version: () => number;
  readonly walPath: string;
  readonly pollIntervalMs: number;
  readonly onChange: () => void;
}

export class ForeignChanges {
  readonly #options: ForeignChangesOptions;
  #mode: "stopped" | "watching" | "busy" = "stopped";
  #seen: number | undefined;
  #quietIntervals = 0;
  #stopMode = (): void => {};

  constructor(options: ForeignChangesOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#mode !== "stopped") return;
    this.#watch();
    // Not by a check: a listener is not called before its `onChange` has returned.
    this.#seen = this.#version();
  }

  stop(): void {
    this.#stopMode();
    this.#mode = "stopped";
    this.#stopMode = () => {};
  }

  /** This process has committed. */
  ownCommit(): void {
    this.#quietIntervals = 0;
    if (this.#mode === "watching") this.#poll();
  }

  #watch(): void {
    this.#stopMode();
    this.#mode = "watching";
    const stopPolling = everyIfAlive(this.#options.pollIntervalMs, () => this.#check());
    const watcher = this.#openWatcher();
    this.#stopMode = () => {
      stopPolling();
      watcher?.close();
    };
  }

  #openWatcher(): FSWatcher | undefined {
    try {
      const watcher = watch(this.#options.walPath, { persistent: false }, () => this.#check());
      return watcher.on("error", () => watcher.close());
    } catch {
      // No watch on this file system, or too many watches: the interval finds the change.
      return undefined;
    }
  }

  #poll(): void {
    this.#stopMode();
    this.#mode = "busy";
    this.#stopMode = everyIfAlive(Math.min(BUSY_INTERVAL_MS, this.#options.pollIntervalMs), () => {
      this.#check();
      this.#quietIntervals += 1;
      if (this.#mode !== "busy" || this.#quietIntervals <= QUIET_INTERVALS) return;
      this.#watch();
      // What came before the watcher was there.
      this.#check();
    });
  }

  #check(): void {
    if (this.#mode === "stopped") return;
    const version = this.#version();
    if (version === undefined || version === this.#seen) return;
    this.#seen = version;
    this.#options.onChange();
  }

  /** `undefined` when the file cannot be read now: the next check tells, and so does the next use of the store. */
  #version(): number | undefined {
    try {
      return this.#options.version();
    } catch {
      return undefined;
    }
  }
}
