/**
 * Owns the mutants: ways to break an invariant on purpose, each a text of the sources and what stands in
 * its place. The sources know nothing of it. The simulation must notice every one of them.
 *
 * A bug that the simulation has found becomes a mutant when it is mended: its seed finds something else
 * as soon as the simulation changes, the mutant does not.
 */

export interface Mutant {
  readonly name: string;
  /** Number of the design's invariant that it breaks. */
  readonly invariant: number;
  /** From the root of the work tree. */
  readonly file: string;
  /** Occurs exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Bar: it is caught within so many seeds. */
  readonly seeds: number;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: "answers before the entry is durable",
    invariant: 1,
    file: "packages/runtime/src/session.ts",
    find: "const { appended, existing } = await this.#store.append(this.executionId, entry);",
    replace: `const { appended, existing } = { appended: true, existing: undefined as LogEntry | undefined };
      this.#store.append(this.executionId, entry).catch(() => {});`,
    seeds: 10,
  },
  {
    name: "writes no barrier when there is nothing else to write",
    invariant: 2,
    file: "packages/runtime/src/session.ts",
    find: "const appended = await this.#append(records, nowMs, previous);",
    replace: "const appended = records.length === 0 ? [] : await this.#append(records, nowMs, previous);",
    seeds: 10,
  },
  {
    name: "takes the same epoch again",
    invariant: 2,
    file: "packages/store/src/head.ts",
    find: "epoch: head.epoch + 1,",
    replace: "epoch: Math.max(head.epoch, 1),",
    seeds: 10,
  },
  {
    name: "stops an execution without a fence",
    invariant: 2,
    file: "packages/runtime/src/fence.ts",
    find: "const { appended } = await store.append(exactId, {",
    replace:
      "const { appended } = await (async (_id: string, _entry: unknown) => ({ appended: true }))(exactId, {",
    seeds: 50,
  },
  {
    name: "renews a lease that somebody else holds",
    invariant: 3,
    file: "packages/store/src/head.ts",
    find: 'return head.status === "RUNNING" && head.epoch === epoch;',
    replace: 'return head.status === "RUNNING" && head.epoch >= epoch;',
    seeds: 20,
  },
  {
    name: "lets the superseded end the execution",
    invariant: 3,
    file: "packages/store/src/memory-store.ts",
    find: "if (request.epoch !== undefined && stored.head.epoch !== request.epoch)",
    replace: "if (false)",
    seeds: 100,
  },
  {
    name: "ignores the nonce: what has its place counts as its own",
    invariant: 4,
    file: "packages/runtime/src/session.ts",
    find: "if (!appended && (existing?.nonce !== entry.nonce || existing.epoch !== entry.epoch)) {",
    replace: "if (!appended && existing === undefined) {",
    seeds: 20,
  },
  {
    name: "takes its own retried write for somebody else's",
    invariant: 4,
    file: "packages/runtime/src/session.ts",
    find: "if (!appended && (existing?.nonce !== entry.nonce || existing.epoch !== entry.epoch)) {",
    replace: "if (!appended) {",
    seeds: 50,
  },
  {
    name: "a snapshot confuses what waits with what is ready",
    invariant: 5,
    file: "packages/protocol/src/snapshot-codec.ts",
    find: 'READY: "r",',
    replace: 'READY: "p",',
    seeds: 50,
  },
  {
    name: "suspends whatever has come to the inbox",
    invariant: 6,
    file: "packages/store/src/head.ts",
    find: "return head.inboxCount !== request.inboxCount;",
    replace: "return head.inboxCount < request.inboxCount;",
    seeds: 20,
  },
  {
    name: "suspends without the next timer",
    invariant: 6,
    file: "packages/runtime/src/invocation.ts",
    find: "return this.#suspendUntil(this.#session.nextDueMs ?? Number.POSITIVE_INFINITY, invocation);",
    replace: "return this.#suspendUntil(Number.POSITIVE_INFINITY, invocation);",
    seeds: 10,
  },
  {
    name: "does not tell the parent of the end",
    invariant: 6,
    file: "packages/store/src/memory-store.ts",
    find: "if (outcome !== undefined) await this.post(outcome);",
    replace:
      "if (outcome !== undefined && outcome.event.kind !== 'invoke_settled') await this.post(outcome);",
    seeds: 10,
  },
  {
    name: "the second outcome of a callback wins",
    invariant: 7,
    file: "packages/store/src/memory-store.ts",
    find: '(request.mode === "once" ? stored.inbox.get(request.key) : undefined) ??',
    replace: "undefined ??",
    seeds: 20,
  },
  {
    name: "a timeout does not compete for the inbox key",
    invariant: 7,
    file: "packages/runtime/src/session.ts",
    find: 'event.kind === "callback_timed_out" ? await this.#claimTimeout(event, inbox, nowMs) : event;',
    replace: "event;",
    seeds: 20,
  },
  {
    name: "records the pointer before the payload",
    invariant: 8,
    file: "packages/store/src/payloads.ts",
    find: "await store.put(pointer.key, bytes, JSON.stringify(summary));",
    replace: "store.put(pointer.key, bytes, JSON.stringify(summary)).catch(() => {});",
    seeds: 10,
  },
  {
    name: "the payload store gives away the bytes that it keeps",
    invariant: 8,
    file: "packages/store/src/payload-store.ts",
    find: "{ bytes: new Uint8Array(bytes), modifiedAtMs",
    replace: "{ bytes: bytes.slice(), modifiedAtMs",
    seeds: 100,
  },
  {
    name: "collects what is pointed at",
    invariant: 8,
    file: "packages/store/src/payload-collector.ts",
    find: "orphans = orphans.filter(({ hash }) => !recorded.includes(hash));",
    replace: "",
    seeds: 10,
  },
  {
    name: "an at-most-once body does not wait for its START",
    invariant: 9,
    file: "packages/sdk/src/step.ts",
    find: "if (!isAtMostOnce) return this.#runSoon();",
    replace: "return this.#runSoon();",
    seeds: 10,
  },
  {
    name: "runs an interrupted at-most-once attempt again",
    invariant: 9,
    file: "packages/sdk/src/step.ts",
    find: "if (isAtMostOnce || interruptions >= MAX_INTERRUPTIONS) {",
    replace: "if (interruptions >= MAX_INTERRUPTIONS) {",
    seeds: 50,
  },
  {
    name: "records below a context that has ended",
    invariant: 10,
    file: "packages/runtime/src/session.ts",
    find: "for (const event of news) if (!this.#isBelow(event.id, ended)) records.push({ event });",
    replace: "records.unshift(...news.map((event) => ({ event })), ...news.map((event) => ({ event })));",
    seeds: 50,
  },
  {
    name: "what the first invocation has sent arrives after the timeout",
    invariant: 10,
    file: "packages/runtime/src/invocation.ts",
    find: "if (this.epoch === 1 && !this.#session.hasUnanswered) return true;",
    replace: "if (this.epoch === 1) return true;",
    seeds: 150,
  },
  {
    name: "a replay delivers all at once",
    invariant: 11,
    file: "packages/sdk/src/engine.ts",
    find: "if (delivered) break;",
    replace: "",
    seeds: 20,
  },
  {
    name: "time follows the clock of the process",
    invariant: 13,
    file: "packages/protocol/src/apply.ts",
    find: "this.#ceilingMs = Math.max(nowMs, state.nowMs);",
    replace: "this.#ceilingMs = nowMs;",
    seeds: 20,
  },
  {
    name: "a fence is as old as the clock of who writes it",
    invariant: 13,
    file: "packages/runtime/src/fence.ts",
    find: "atMs: Math.max(nowMs, last?.atMs ?? loaded.head.startedAtMs),",
    replace: "atMs: Math.max(nowMs, last?.atMs ?? 0),",
    seeds: 150,
  },
  {
    name: "a purge removes the payloads of all that have the name",
    invariant: 8,
    file: "packages/store/src/payloads.ts",
    find: "for await (const { key } of this.#store.list(payloadPrefix(executionId))) {",
    replace:
      'for await (const { key } of this.#store.list(payloadPrefix(executionId).replace(/!.*/, "!"))) {',
    seeds: 150,
  },
  {
    name: "the collector does not see what an execution has invoked that is gone",
    invariant: 8,
    file: "packages/store/src/execution-tree.ts",
    find: "const ids = new Set([root, ...(this.#listed.get(root) ?? [])]);",
    replace: "const ids = new Set([root]);",
    seeds: 20,
  },
];
