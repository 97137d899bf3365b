/** That one timer serves all attempts, each after its own time. */

import { once } from "node:events";
import { Attempts } from "./attempts.js";
import { monotonicMs } from "./turn.js";

describe("attempts", () => {
  it("are aborted after their own time of silence, whichever began first", async () => {
    const attempts = new Attempts();
    const patient = attempts.begin(monotonicMs(), 60_000);
    const second = attempts.begin(monotonicMs(), 40);
    const first = attempts.begin(monotonicMs(), 20);
    const aborted: string[] = [];
    first.signal.addEventListener("abort", () => aborted.push("first"));
    second.signal.addEventListener("abort", () => aborted.push("second"));

    await aWhile(() => once(second.signal, "abort"));

    expect(aborted).toEqual(["first", "second"]);
    expect(patient.signal.aborted).toBe(false);
  });

  it("are left alone once they have an answer, also when they would have been next", async () => {
    const attempts = new Attempts();
    const answered = attempts.begin(monotonicMs(), 20);
    const silent = attempts.begin(monotonicMs(), 40);
    attempts.end(answered);

    await aWhile(() => once(silent.signal, "abort"));

    expect(answered.signal.aborted).toBe(false);
  });

  it("are looked after again when there have been none for a while", async () => {
    const attempts = new Attempts();
    for (let round = 0; round < 2; round++) {
      const silent = attempts.begin(monotonicMs(), 20);
      await aWhile(() => once(silent.signal, "abort"));
      attempts.end(silent);
    }
  });

  it("are all aborted at the end", () => {
    const attempts = new Attempts();
    const controllers = [1, 2].map(() => attempts.begin(monotonicMs(), 60_000));
    attempts.abortAll();

    expect(controllers.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });
});

/** The timer of attempts keeps no process alive, as a request does: here something else has to. */
async function aWhile(wait: () => Promise<unknown>): Promise<void> {
  const alive = setInterval(() => {}, 60_000);
  await wait();
  clearInterval(alive);
}
