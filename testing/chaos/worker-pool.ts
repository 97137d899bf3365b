/** Owns the worker processes: builds their program, starts them, and ends them in every way there is. */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import type { StoreAddress } from "./stores";

export interface WorkerFiles {
  readonly bodies: string;
  readonly callbacks: string;
}

export interface WorkerPoolOptions {
  /** Under the workspace, so that the program finds its modules. */
  readonly directory: string;
  readonly address: StoreAddress;
  readonly files: WorkerFiles;
  readonly leaseMs: number;
  /** As in the workers' options, with its default. */
  readonly snapshotAfterBytes?: number;
  readonly random: () => number;
}

/** How a worker is disturbed. */
export type Disturbance =
  /** `kill -9`. */
  | "kill"
  /** Stopped for longer than its lease, and then it goes on: a zombie. */
  | "freeze"
  /** Asked to end: it drains and hands over. */
  | "terminate";

/** Lines of a worker's error output that are kept. */
const MAX_ERROR_LINES = 200;

export class WorkerPool {
  readonly counts: Record<Disturbance, number> = { kill: 0, freeze: 0, terminate: 0 };
  /** What workers said on their error output. */
  readonly errorLines: string[] = [];
  /** Workers that ended without being asked. */
  readonly unexpectedExits: string[] = [];
  readonly #options: WorkerPoolOptions;
  readonly #program: string;
  readonly #workers: (ChildProcess | undefined)[] = [];

  private constructor(options: WorkerPoolOptions, program: string) {
    this.#options = options;
    this.#program = program;
  }

  /** Builds the program once: a worker that starts from a bundle is up in a tenth of the time. */
  static async create(options: WorkerPoolOptions): Promise<WorkerPool> {
    const program = join(options.directory, "worker.cjs");
    await build({
      entryPoints: [join(__dirname, "worker.ts")],
      outfile: program,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "error",
      sourcemap: "inline",
      tsconfig: resolve(__dirname, "../../tsconfig.json"),
      external: ["@photostructure/sqlite", "@aws-sdk/*", "esbuild", "s3rver", "@dynoxide/*"],
    });
    return new WorkerPool(options, program);
  }

  /** Starts workers until there are `count`. Settles when all of them take work. */
  async start(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, slot) => this.#spawn(slot)));
  }

  /** Disturbs one worker, chosen at random, and makes sure that there is another one after it. */
  async disturb(disturbance: Disturbance): Promise<void> {
    const running = [...this.#workers.entries()].filter(([, worker]) => worker !== undefined);
    const chosen = running[Math.floor(this.#options.random() * running.length)];
    if (chosen === undefined) return;
    const [slot, worker] = chosen as [number, ChildProcess];
    this.counts[disturbance] += 1;
    this.#workers[slot] = undefined;
    const exited = once(worker, "exit");
    switch (disturbance) {
      case "kill":
        worker.kill("SIGKILL");
        break;
      case "freeze":
        worker.kill("SIGSTOP");
        await sleep(this.#options.leaseMs * (1 + this.#options.random()));
        worker.kill("SIGCONT");
        this.#workers[slot] = worker;
        return;
      case "terminate":
        worker.kill("SIGTERM");
        break;
    }
    await exited;
    await this.#spawn(slot);
  }

  /** Ends all workers, without mercy. */
  async stop(): Promise<void> {
    const workers = this.#workers.splice(0).filter((worker) => worker !== undefined);
    await Promise.all(
      workers.map(async (worker) => {
        if (worker.exitCode !== null || worker.signalCode !== null) return;
        const exited = once(worker, "exit");
        worker.kill("SIGKILL");
        await exited;
      }),
    );
  }

  async #spawn(slot: number): Promise<void> {
    const { address, files, leaseMs, snapshotAfterBytes } = this.#options;
    const args = [JSON.stringify(address), files.bodies, files.callbacks, String(leaseMs)];
    if (snapshotAfterBytes !== undefined) args.push(String(snapshotAfterBytes));
    const worker = fork(this.#program, args, {
      execArgv: ["--enable-source-maps", "--no-warnings"],
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    worker.stderr?.setEncoding("utf8").on("data", (text: string) => this.#said(worker, text));
    worker.on("exit", (code, signal) => {
      if (this.#workers[slot] !== worker) return;
      this.#workers[slot] = undefined;
      this.unexpectedExits.push(`worker ${worker.pid} ended by itself (code ${code}, signal ${signal})`);
    });
    this.#workers[slot] = worker;
    await Promise.race([once(worker, "message"), once(worker, "exit")]);
  }

  #said(worker: ChildProcess, text: string): void {
    for (const line of text.split("\n")) {
      if (line !== "" && this.errorLines.length < MAX_ERROR_LINES)
        this.errorLines.push(`${worker.pid}: ${line}`);
    }
  }
}
