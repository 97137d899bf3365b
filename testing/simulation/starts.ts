/** Owns the starts of names: as planned, some of them twice, and again when an execution has been removed. */

import { executionIdOf, parseExecutionId } from "@tidemark/protocol";
import { inputOf } from "../fuzz/interpret";
import { FUNCTIONS } from "../fuzz/operations";
import type { Auditor } from "./auditor";
import type { Network } from "./network";
import { checkResult, type Task } from "./operator";
import type { PlannedExecution } from "./plan";
import type { Scheduler } from "./scheduler";

interface StartsOptions {
  readonly scheduler: Scheduler;
  readonly auditor: Auditor;
  readonly task: Task;
  readonly executions: readonly PlannedExecution[];
  readonly network: Pick<Network, "mayStart">;
}

/** How often a name is used again. */
const MOST_AGAIN = 3;

export class Starts {
  /** Nothing begins any more. */
  isOver = false;
  readonly #options: StartsOptions;
  /** By name: those that are under way or to come, and how many were made again. */
  readonly #names = new Map<string, { open: number; again: number }>();

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  plan(planned: PlannedExecution, isTwice: boolean): void {
    for (let count = isTwice ? 2 : 1; count > 0; count--) this.#start(planned, planned.startsAfterMs);
  }

  /** Within `withinMs` somebody uses the name of an execution again that is being removed. */
  again(exactId: string, withinMs: number): void {
    const { scheduler } = this.#options;
    const planned = this.plannedOf(exactId);
    if (planned === undefined) return;
    const known = this.#known(planned.name);
    if (this.isOver || known.again === MOST_AGAIN) return;
    known.again += 1;
    this.#start(planned, scheduler.between(0, withinMs));
  }

  get hasOpen(): boolean {
    return [...this.#names.values()].some(({ open }) => open > 0);
  }

  /**
   * A request to start the execution may be on its way. If it arrives after a purge it starts the same execution again,
   * which is not simulated, see README.md.
   */
  mayArrive(exactId: string): boolean {
    const planned = this.plannedOf(exactId);
    if (planned === undefined) return false;
    const { open } = this.#known(planned.name);
    return open > 0 || this.#options.network.mayStart(parseExecutionId(exactId).executionId);
  }

  /** Of the execution, or of the one at the root of its tree. */
  plannedOf(exactId: string): PlannedExecution | undefined {
    const { executionId } = parseExecutionId(exactId.split("~")[0] as string);
    return this.#options.executions.find(({ name }) => `${FUNCTIONS.program}.${name}` === executionId);
  }

  #known(name: string): { open: number; again: number } {
    const known = this.#names.get(name) ?? { open: 0, again: 0 };
    this.#names.set(name, known);
    return known;
  }

  #start({ name, program, timeoutSeconds, retentionSeconds }: PlannedExecution, afterMs: number): void {
    const { scheduler, auditor, task } = this.#options;
    const known = this.#known(name);
    known.open += 1;
    scheduler.after(afterMs, `start ${name}`, () =>
      task(`start ${name}`, async (client) => {
        const { executionArn } = await client.start(FUNCTIONS.program, {
          input: inputOf(program),
          name,
          timeout: { seconds: timeoutSeconds },
          retention: { seconds: retentionSeconds },
        });
        known.open -= 1;
        const exactId = executionIdOf(executionArn);
        if (scheduler.chance(0.3)) task(`result ${name}`, (asking) => checkResult(asking, exactId, auditor));
      }),
    );
  }
}
