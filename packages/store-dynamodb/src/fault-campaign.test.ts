/** Several stores on one table, behind a network that loses requests and answers: what was acknowledged is there. */

import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  callbackResult,
  ending,
  entry,
  execution,
  LEASE_MS,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";
import type { Fault } from "../../../testing/engines/faulty-proxy";

const STORES = 4;
const ROUNDS = 25;
const PARENT = "parent";

const rig = rigForTests();

/** Numbers in [0, 1) that a seed decides. */
function sequenceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const FAULTS: readonly Fault[] = [
  { kind: "lose-answer" },
  { kind: "lose-answer" },
  { kind: "lose-request" },
  { kind: "error", name: "ThrottlingException" },
  { kind: "error", name: "InternalServerError", status: 500 },
];

interface Acknowledged {
  readonly nonces: string[];
  readonly epochs: number[];
  readonly keys: string[];
  readonly finished: string[];
}

/** Takes the lease when it can, appends, posts, suspends, and ends a child, as fast as it can. */
async function hammer(store: DynamoDbStore, owner: string, acknowledged: Acknowledged): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const key = `settle/${owner}-${round}`;
    const event = callbackResult(`${owner}-${round}`, '"yes"');
    const post = { executionId: "e1", key, event, nowMs: T0 + round, mode: "once", wake: true } as const;
    if ((await store.post(post)).kind === "posted") acknowledged.keys.push(key);
    await runOnce(store, owner, round, acknowledged);
    const child = `${PARENT}~${round}`;
    const outcome = await store.finish(ending(child, { epoch: undefined, result: `"${owner}"` }));
    if (outcome === "finished") acknowledged.finished.push(child);
  }
}

async function runOnce(
  store: DynamoDbStore,
  owner: string,
  round: number,
  acknowledged: Acknowledged,
): Promise<void> {
  const nowMs = T0 + round * 2 * LEASE_MS;
  const head = await store.acquire({ executionId: "e1", owner, nowMs, leaseUntilMs: nowMs + LEASE_MS });
  if (head === undefined) return;
  acknowledged.epochs.push(head.epoch);
  const loaded = await store.load("e1");
  const sequence = (loaded?.entries.length ?? 0) + 1;
  const next = entry(sequence, { epoch: head.epoch, nonce: `${owner}/${round}` });
  const { appended, existing } = await store.append("e1", next);
  if (appended || existing?.nonce === next.nonce) acknowledged.nonces.push(next.nonce);
  const inboxCount = loaded?.head.inboxCount ?? 0;
  await store.suspend(suspension("e1", { epoch: head.epoch, inboxCount, dueAtMs: nowMs }));
}

describe.each([1, 2, 3])("with seed %i", (seed) => {
  it("stores that share a table lose and double nothing", async () => {
    const stores = await Promise.all(
      Array.from({ length: STORES }, () => rig.open({ retryTimeoutMs: 30_000 })),
    );
    const [first] = stores as [DynamoDbStore];
    await first.start(execution("e1"));
    await first.start(execution(PARENT));
    for (let round = 0; round < ROUNDS; round++) {
      const parent = { executionId: PARENT, operationId: String(round) };
      await first.start(execution(`${PARENT}~${round}`, { parent }));
    }
    const next = sequenceOf(seed);
    rig.proxy.fault = () => (next() < 0.12 ? FAULTS[Math.floor(next() * FAULTS.length)] : undefined);
    const acknowledged: Acknowledged = { nonces: [], epochs: [], keys: [], finished: [] };

    await Promise.all(stores.map((store, index) => hammer(store, `w${index}`, acknowledged)));

    rig.proxy.fault = () => undefined;
    const loaded = await first.load("e1");
    expect(loaded?.entries.map(({ nonce }) => nonce).sort()).toEqual([...acknowledged.nonces].sort());
    expect(new Set(acknowledged.epochs).size).toBe(acknowledged.epochs.length);
    expect(Math.max(...acknowledged.epochs)).toBe(loaded?.head.epoch);
    expect(acknowledged.keys).toHaveLength(STORES * ROUNDS);
    expect(loaded?.inbox.map(({ key }) => key).sort()).toEqual([...acknowledged.keys].sort());
    expect((await first.head("e1"))?.inboxCount).toBe(STORES * ROUNDS);

    const parent = await first.load(PARENT);
    expect([...acknowledged.finished].sort()).toEqual(
      Array.from({ length: ROUNDS }, (_, round) => `${PARENT}~${round}`).sort(),
    );
    expect(parent?.inbox).toHaveLength(ROUNDS);
    expect(parent?.head.inboxCount).toBe(ROUNDS);
  }, 60_000);
});
