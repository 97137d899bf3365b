/** Owns our side: the whole service in one process, and the SDK on its own. */

import { DurableClient, type DurableHandler, Worker, type WorkerOptions } from "@tidemark/runtime";
import { withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { SdkAlone } from "./aws";
import type { Workflow } from "./workflows";

/** The workflows are written against what both SDKs have. */
function handlerOf(workflow: Workflow): DurableHandler {
  return withDurableExecution(workflow as Parameters<typeof withDurableExecution>[0]);
}

/** A worker and a client on one store. */
export class Service {
  readonly client: DurableClient;
  readonly worker: Worker;
  readonly store: ExecutionStore;

  constructor(
    workflow: Workflow,
    store: ExecutionStore = new MemoryStore(),
    options: Pick<WorkerOptions, "snapshotAfterBytes"> = {},
  ) {
    this.store = store;
    this.client = new DurableClient({ store });
    const functions = { bench: handlerOf(workflow) };
    this.worker = new Worker({ store, functions, drainOnSigterm: false, ...options });
  }

  async start(): Promise<this> {
    await this.worker.start();
    return this;
  }

  /** Runs one execution to its end; gives its result. What memory holds of it is let go, as the peer's. */
  async execute<T>(): Promise<T> {
    const { executionId } = await this.client.start("bench", { input: {} });
    const result = await this.client.result<T>(executionId);
    if (this.store.manifest.durable === false) await this.client.purge(executionId);
    return result;
  }

  async stop(): Promise<void> {
    await this.worker.stop();
    await this.store.close();
  }
}

/** The service on a store in memory, running. */
export function serviceInMemory(workflow: Workflow): Promise<Service> {
  return new Service(workflow).start();
}

/** Our SDK as the peer is measured: over the same backend, through the two calls alone. */
export function tidemarkAlone(workflow: Workflow): SdkAlone {
  const wrap = withDurableExecution as unknown as ConstructorParameters<typeof SdkAlone>[0];
  return new SdkAlone(wrap, workflow);
}
