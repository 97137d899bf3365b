/** Owns the comparison with the reference: any sequence of calls gets the same answers as from the memory store. */

import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import fc from "fast-check";
import {
  callbackResult,
  ending,
  entry,
  execution,
  lease,
  message,
  suspension,
  T0,
} from "./sample-executions";
import type { StoreFixture } from "./store-contract";

type Call = readonly [label: string, run: (store: ExecutionStore) => Promise<unknown>];

const IDS = ["p", "c1", "c2"];
const id = fc.constantFrom(...IDS);
const epoch = fc.integer({ min: 0, max: 3 });
const nowMs = fc.integer({ min: 0, max: 20 }).map((delta) => T0 + delta);

function call<T>(
  name: string,
  facts: fc.Arbitrary<T>,
  run: (store: ExecutionStore, facts: T) => Promise<unknown>,
) {
  return facts.map((drawn): Call => [`${name} ${JSON.stringify(drawn)}`, (store) => run(store, drawn)]);
}

const start = call("start", fc.record({ id, nowMs }), (store, facts) =>
  store.start(
    execution(facts.id, {
      startedAtMs: facts.nowMs,
      retentionMs: 5,
      ...(facts.id === "p" ? {} : { parent: { executionId: "p", operationId: facts.id } }),
    }),
  ),
);
const acquire = call("acquire", fc.record({ id, nowMs }), (store, facts) =>
  store.acquire(lease(facts.id, { nowMs: facts.nowMs, leaseUntilMs: facts.nowMs + 6 })),
);
const renew = call("renew", fc.record({ id, epoch, nowMs }), (store, facts) =>
  store.renew(facts.id, facts.epoch, facts.nowMs),
);
const append = call(
  "append",
  fc.record({ id, sequence: fc.integer({ min: 0, max: 4 }), nonce: fc.constantFrom("x", "y") }),
  (store, facts) => store.append(facts.id, entry(facts.sequence, { nonce: facts.nonce })),
);
const saveSnapshot = call(
  "saveSnapshot",
  fc.record({ id, sequence: fc.integer({ min: 0, max: 3 }), nonce: fc.constantFrom("x", "y") }),
  (store, { id: executionId, ...facts }) => store.saveSnapshot({ executionId, ...facts, text: "snapshot" }),
);
const read = call("read", fc.record({ id, after: fc.integer({ min: 0, max: 3 }) }), (store, facts) =>
  Promise.all([store.inbox(facts.id), store.entries(facts.id, facts.after, 2)]),
);
const suspend = call(
  "suspend",
  fc.record({
    id,
    epoch,
    inboxCount: fc.integer({ min: 0, max: 2 }),
    dueAtMs: fc.option(nowMs, { nil: undefined }),
  }),
  (store, { id: executionId, ...facts }) =>
    store.suspend(
      suspension(executionId, {
        ...facts,
        invocation: { epoch: facts.epoch, startedAtMs: T0, endedAtMs: T0 },
      }),
    ),
);
const finish = call(
  "finish",
  fc.record({
    id,
    epoch: fc.option(epoch, { nil: undefined }),
    status: fc.constantFrom("SUCCEEDED" as const, "STOPPED" as const),
    endedAtMs: nowMs,
  }),
  (store, { id: executionId, ...facts }) => store.finish(ending(executionId, facts)),
);
const post = call(
  "post",
  fc.record({
    id,
    key: fc.constantFrom("settle/c1", "settle/9", "beat"),
    mode: fc.constantFrom("once" as const, "replace" as const),
    unless: fc.constantFrom(undefined, "settle/9"),
    wake: fc.boolean(),
    nowMs,
    text: fc.constantFrom("1", "2"),
  }),
  (store, { id: executionId, text, ...facts }) =>
    store.post(message(executionId, { ...facts, event: callbackResult("9", text) })),
);
const resume = call("resume", fc.record({ id, nowMs }), (store, facts) =>
  store.resume(facts.id, facts.nowMs),
);
const purge = call("purge", fc.record({ id }), (store, facts) => store.purge(facts.id));
const purgeExpired = call("purgeExpired", fc.record({ nowMs }), (store, facts) =>
  store.purgeExpired(facts.nowMs, IDS.length),
);

// Whose turn it is among equals is not promised, so a whole answer is compared as a set.
const due = call("due", fc.record({ nowMs }), async (store, facts) => {
  const { executionIds, nextDueAtMs } = await store.due(facts.nowMs, IDS.length);
  return { executionIds: [...executionIds].sort(), nextDueAtMs };
});

const calls = fc.array(
  fc.oneof(
    { arbitrary: start, weight: 4 },
    { arbitrary: acquire, weight: 5 },
    { arbitrary: append, weight: 3 },
    { arbitrary: saveSnapshot, weight: 2 },
    { arbitrary: suspend, weight: 3 },
    { arbitrary: post, weight: 4 },
    { arbitrary: finish, weight: 2 },
    ...[renew, read, resume, purge, purgeExpired, due].map((arbitrary) => ({ arbitrary, weight: 1 })),
  ),
  { minLength: 1, maxLength: 60, size: "max" },
);

export function randomWorkloadContract(open: () => Promise<StoreFixture>): void {
  it("answers any sequence of calls as the memory store does, and keeps the same", async () => {
    await fc.assert(
      fc.asyncProperty(calls, fc.boolean(), async (drawn, isTogether) => {
        const fixture = await open();
        try {
          const expected = await answers(new MemoryStore(), drawn, isTogether);
          expect(await answers(fixture.store, drawn, isTogether)).toEqual(expected);
        } finally {
          await fixture.cleanup();
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
}

/** What each call gave and what is there in the end; `isTogether`: without waiting for each. */
async function answers(
  store: ExecutionStore,
  drawn: readonly Call[],
  isTogether: boolean,
): Promise<unknown[]> {
  const given: unknown[] = [];
  for (const [label, run] of drawn) {
    // It may take effect after what is called later.
    if (isTogether && label.startsWith("saveSnapshot")) continue;
    const answer = run(store).then((value) => [label, value]);
    given.push(isTogether ? answer : await answer);
  }
  const found = IDS.map(async (executionId) => [executionId, await store.load(executionId)]);
  return Promise.all([...given, ...found, store.list({ limit: 10 }), store.due(T0 + 100, 10).then(sorted)]);
}

function sorted({ executionIds }: { readonly executionIds: readonly string[] }): string[] {
  return [...executionIds].sort();
}
