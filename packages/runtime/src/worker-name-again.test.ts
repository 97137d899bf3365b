/** A name that is started again while the worker still holds the place of its execution that has ended. */

import { withDurableExecution } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { Fleet } from "../../../testing/kit/fleet";

const NIGHTLY = "main.nightly";

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => fleet.close());

interface Held {
  /** Ends the saving of the snapshot, and with it the first execution's place. */
  release(): void;
  /** A look that has its answer, and does not give it before `answer` is called. */
  holdNextLook(): { readonly answer: () => void };
}

/** Runs `nightly` to its end, with its last invocation kept from ending by the snapshot that it saves. */
async function ended(): Promise<Held> {
  const saved = defer<boolean>();
  let snapshots = 0;
  let look: Promise<unknown> | undefined;
  const store: ExecutionStore = storeWith(fleet.store, {
    // The first is lost, so that the next invocation makes another one.
    saveSnapshot: async () => (snapshots++ === 0 ? false : saved.promise),
    due: async (...request) => {
      const answer = await fleet.store.due(...request);
      const held = look;
      look = undefined;
      await held;
      return answer;
    },
  });
  const main = withDurableExecution(async (event, context) => {
    if (event === "at once") return event;
    await context.wait({ seconds: 1 });
    return event;
  });
  await fleet.worker({ main }, { store, snapshotAfterBytes: 0 });
  await fleet.client.start("main", { name: "nightly", input: "first" });
  await fleet.advance(1000);
  expect(snapshots).toBe(2);
  expect((await fleet.client.describe(NIGHTLY)).result).toBe("first");
  return {
    release: () => saved.resolve(false),
    holdNextLook() {
      const held = defer();
      look = held.promise;
      return { answer: () => held.resolve() };
    },
  };
}

async function startAgain(): Promise<void> {
  await fleet.client.purge(NIGHTLY);
  await fleet.client.start("main", { name: "nightly", input: "at once" });
  await fleet.settle();
}

it("is run as soon as the place is free", async () => {
  const { release } = await ended();
  await startAgain();
  expect((await fleet.client.describe(NIGHTLY)).status).toBe("PENDING");
  release();
  await fleet.settle();

  expect((await fleet.client.describe(NIGHTLY)).result).toBe("at once");
});

it("is not forgotten when it is found by a look before the place is free", async () => {
  const { release } = await ended();
  await startAgain();
  await fleet.begin("at once");
  release();
  await fleet.settle();

  expect((await fleet.client.describe(NIGHTLY)).result).toBe("at once");
});

it("is not forgotten when it is started during a look that does not find it yet", async () => {
  const { release, holdNextLook } = await ended();
  const { answer } = holdNextLook();
  await fleet.begin("at once");
  await startAgain();
  answer();
  await fleet.settle();
  release();
  await fleet.settle();

  expect((await fleet.client.describe(NIGHTLY)).result).toBe("at once");
});
