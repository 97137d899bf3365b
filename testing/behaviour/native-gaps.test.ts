/** Native code between operations that takes time: it is late on a replay, and not gone. */

import type { LogEntry } from "@tidemark/protocol";
import { MemoryStore } from "@tidemark/store";
import { VirtualClock, withVirtualTimers } from "@tidemark/testing";
import { createRig, type Rig, type RigOptions } from "./rig";

type Pause = (ms: number) => Promise<void>;

/** A rig whose native timers are virtual, too. */
function onVirtualTime<T>(
  work: (rig: Rig, pause: Pause) => Promise<T>,
  options: RigOptions = {},
): Promise<T> {
  const clock = new VirtualClock();
  const pause: Pause = (ms) => new Promise((resolve) => void clock.setTimer(resolve, ms));
  return withVirtualTimers(clock, async () => work(await createRig({ ...options, clock }), pause));
}

/** Its process dies when a context is about to succeed. */
class DiesAtTheEndOfAContext extends MemoryStore {
  hasDied = false;

  override async append(executionId: string, entry: LogEntry): ReturnType<MemoryStore["append"]> {
    const isEnd = entry.records.some(
      ({ update }) => update?.Type === "CONTEXT" && update.Action === "SUCCEED",
    );
    if (!isEnd || this.hasDied) return super.append(executionId, entry);
    this.hasDied = true;
    return new Promise(() => {});
  }
}

describe("an operation that is asked for after a native gap", () => {
  it("may come when the handler has ended already", () =>
    onVirtualTime(async (rig, pause) => {
      const ids: string[] = [];
      const id = await rig.begin(async (_event, context) => {
        const timeout = (async () => {
          await pause(2);
          await context.wait("timeout", { seconds: 300 });
          return "timeout";
        })();
        const [outcome, callbackId] = await context.createCallback<string>("approval");
        ids.push(callbackId);
        return Promise.race([outcome, timeout]);
      });
      await rig.runtime.advance(100);
      await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "yes");

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "yes" });
    }));

  it("may come when the virtual context around has ended", () =>
    onVirtualTime(async (rig, pause) => {
      const id = await rig.begin(async (_event, context) => {
        const winner = await context.runInChildContext(
          "virtual",
          async (inner) => {
            const slow = (async () => {
              await pause(5);
              await inner.wait("slow", { seconds: 600 });
              return "slow";
            })();
            const fast = inner.step("fast", async () => {
              await pause(40);
              return "fast";
            });
            return Promise.race([slow, fast]);
          },
          { virtualContext: true },
        );
        await context.wait("main", { seconds: 30 });
        await context.step("gap", () => pause(50));
        return winner;
      });

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "fast" });
    }));

  it("may come when the context around has ended again, after a crash before that was durable", () => {
    const store = new DiesAtTheEndOfAContext();
    return onVirtualTime(
      async (rig, pause) => {
        const id = await rig.begin(async (_event, context) =>
          context.runInChildContext("child", async (inner) => {
            const slow = (async () => {
              await pause(5);
              await inner.wait("slow", { seconds: 600 });
              return "slow";
            })();
            const fast = inner.step("fast", async () => {
              await pause(40);
              return "fast";
            });
            return Promise.race([slow, fast]);
          }),
        );
        await rig.runtime.advance(100);
        expect(store.hasDied).toBe(true);
        rig.runtime.crash(id);

        expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "fast" });
      },
      { store },
    );
  });

  it("may take as long as it likes once it has been asked for", () =>
    onVirtualTime(async (rig, pause) => {
      const id = await rig.begin(async (_event, context) => {
        const batch = await context.parallel([
          async (branch) => branch.step("100 ms", () => pause(100)),
          async (branch) => {
            await pause(20);
            await branch.wait("long", { seconds: 60 });
            return "waited";
          },
          async (branch) => {
            await branch.wait("short", { seconds: 1 });
            await branch.step("12 s", () => pause(12_000));
            return "stepped";
          },
        ]);
        return batch.getResults();
      });

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["waited", "stepped"] });
    }));
});

describe("a payload that takes its time to be read", () => {
  it("is not delivered to a context that has ended meanwhile", () =>
    onVirtualTime(async (rig, pause) => {
      const seen: string[] = [];
      const serdes = {
        serialize: async (value: number | undefined) => JSON.stringify(value),
        deserialize: async (text: string | undefined) => {
          await pause(40);
          return text === undefined ? undefined : (JSON.parse(text) as number);
        },
      };
      const id = await rig.begin(async (_event, context) => {
        await context.runInChildContext("child", async (inner) => {
          const read = inner.step("x", async () => 1, { serdes }).then(() => void seen.push("x seen"));
          await Promise.race([read, pause(20)]);
          seen.push("child ends");
        });
        await context.step("later", () => pause(80));
      });
      await rig.end(id);

      expect(seen).toEqual(["child ends"]);
    }));
});
