/** What a session writes and refuses: the fence of the token, ambiguous appends, and what goes into an entry. */

import type {
  CheckpointDurableExecutionResponse,
  LogEntry,
  OperationUpdate,
  WireOperation,
} from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { ending, ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { Session } from "./session.js";

let run: ManualExecution;
beforeEach(async () => {
  run = await ManualExecution.start();
});

async function openSession(store: ExecutionStore = run.store): Promise<Session> {
  const { session } = await run.open(
    (head) => new Session({ store, clock: run.clock, head, inlineWaitMs: 0 }),
  );
  return session;
}

function send(
  session: Session,
  updates: OperationUpdate[],
  token: string | undefined = session.token,
): Promise<CheckpointDurableExecutionResponse> {
  return session.checkpoint({ DurableExecutionArn: undefined, CheckpointToken: token, Updates: updates });
}

async function operationsOf(session: Session): Promise<WireOperation[]> {
  return (await session.getExecutionState()).Operations ?? [];
}

const superseded = {
  isDurableExecutionClientError: true,
  scope: "INVOCATION",
  code: "TIDEMARK_SUPERSEDED",
  message: "invocation 1 of execution main.one has been superseded; a newer one goes on",
};

const step = ending("STEP", "1");

describe("the token", () => {
  it("names the execution, the epoch and the next entry, and moves with each entry", async () => {
    const session = await openSession();
    expect(session.token).toBe("main.one.1.1");

    const answer = await send(session, [step]);

    expect(answer.CheckpointToken).toBe("main.one.1.2");
    expect(session.token).toBe("main.one.1.2");
  });

  it("stays while nothing is written", async () => {
    const session = await openSession();

    expect(await send(session, [])).toEqual({
      CheckpointToken: "main.one.1.1",
      NewExecutionState: { Operations: [] },
    });
    expect(await run.log()).toEqual([]);
  });

  it.each([
    ["one that has been used", "main.one.1.1"],
    ["one of an entry to come", "main.one.1.3"],
    ["one of another execution", "main.two.1.2"],
    ["one of an older epoch", "main.one.0.2"],
    ["one of a newer epoch", "main.one.2.2"],
    ["a text", "token"],
    ["an empty text", ""],
  ])("that is %s writes nothing", async (_name, token) => {
    const session = await openSession();
    await send(session, [step]);

    await expect(send(session, [ending("STEP", "2")], token)).rejects.toMatchObject(superseded);
    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });

  it("that is missing writes nothing", async () => {
    const session = await openSession();
    const request = { DurableExecutionArn: undefined, CheckpointToken: undefined, Updates: [step] };

    await expect(session.checkpoint(request)).rejects.toMatchObject(superseded);
    expect(await run.log()).toEqual([]);
  });

  it("of a closed session writes nothing", async () => {
    const session = await openSession();
    session.close();

    await expect(send(session, [step])).rejects.toMatchObject(superseded);
    expect(await run.log()).toEqual([]);
  });

  it("of a session that is closed while it reads the inbox writes nothing", async () => {
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const store = storeWith(run.store, {
      inbox: async (executionId) => {
        await gate;
        return run.store.inbox(executionId);
      },
    });
    const session = new Session({ store, clock: run.clock, head: await run.acquire(), inlineWaitMs: 0 });
    session.inboxChanged();
    const sent = send(session, [step]).catch(() => {});
    await run.clock.quiet();
    session.close();
    finish();
    await sent;

    expect(await run.log()).toEqual([]);
  });

  it("writes nothing once a newer invocation has its barrier, and the session stays closed", async () => {
    const zombie = await openSession();
    await run.loseLease();
    await openSession();

    await expect(send(zombie, [step])).rejects.toMatchObject(superseded);
    await expect(send(zombie, [])).rejects.toMatchObject(superseded);
    expect(await run.log()).toEqual(["1 barrier: "]);
  });
});

describe("an append whose answer is ambiguous", () => {
  /** A store that makes each append, and says that somebody else had the number. */
  function answering(existingOf: (entry: LogEntry) => LogEntry): ExecutionStore {
    return storeWith(run.store, {
      append: async (executionId, entry) => {
        await run.store.append(executionId, entry);
        return { appended: false, existing: existingOf(entry) };
      },
    });
  }

  /** A store whose first append is made, and whose answer is lost. */
  function losingAnswer(): ExecutionStore {
    let isLost = false;
    return storeWith(run.store, {
      append: async (executionId, entry) => {
        const result = await run.store.append(executionId, entry);
        if (isLost) return result;
        isLost = true;
        throw new Error("connection reset");
      },
    });
  }

  it("counts as made when the entry is our own", async () => {
    const session = await openSession(answering((entry) => ({ ...entry })));

    const answer = await send(session, [step]);

    expect(answer.NewExecutionState?.Operations).toMatchObject([{ Id: "1", Status: "SUCCEEDED" }]);
    expect(session.token).toBe("main.one.1.2");
    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });

  it.each<[string, (entry: LogEntry) => LogEntry]>([
    ["another nonce", (entry) => ({ ...entry, nonce: "foreign" })],
    ["another epoch", (entry) => ({ ...entry, epoch: entry.epoch + 1 })],
  ])("is superseded when the entry has %s", async (_name, existingOf) => {
    const session = await openSession(answering(existingOf));

    await expect(send(session, [step])).rejects.toMatchObject(superseded);
    expect(session.token).toBe("main.one.1.1");
  });

  it("is superseded when entries before it are missing", async () => {
    const session = await openSession(storeWith(run.store, { append: async () => ({ appended: false }) }));

    await expect(send(session, [step])).rejects.toMatchObject(superseded);
  });

  it("is made once when the same checkpoint is sent again", async () => {
    const session = await openSession(losingAnswer());
    await expect(send(session, [step])).rejects.toThrow("connection reset");

    const answer = await send(session, [step]);

    expect(answer.NewExecutionState?.Operations).toMatchObject([{ Id: "1", Status: "SUCCEEDED" }]);
    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });

  it("keeps the time of the log when the same checkpoint is sent again later", async () => {
    const session = await openSession(losingAnswer());
    await send(session, [step]).catch(() => {});
    await run.advance(5000);

    const answer = await send(session, [step]);

    expect(answer.NewExecutionState?.Operations).toMatchObject([{ EndTimestamp: new Date(run.startMs) }]);
  });

  it("is not taken for another checkpoint with the same token", async () => {
    const session = await openSession(losingAnswer());
    await send(session, [step]).catch(() => {});

    await send(session, [ending("STEP", "2")]).catch(() => {});

    expect((await operationsOf(session)).map(({ Id }) => Id)).not.toContain("2");
  });

  it("does not let two checkpoints at once with one token both count", async () => {
    const session = await openSession();

    const outcomes = await Promise.allSettled([send(session, [step]), send(session, [ending("STEP", "2")])]);

    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await send(session, [ending("STEP", "2")])).CheckpointToken).toBe("main.one.1.3");
  });
});

describe("an entry that cannot be written", () => {
  it("because it is too large fails the execution for good, with the store's words", async () => {
    const cause = Object.assign(new Error("store x: log entry 1 has 70000112 bytes"), {
      code: "TIDEMARK_ENTRY_TOO_LARGE",
    });
    const session = await openSession(storeWith(run.store, { append: () => Promise.reject(cause) }));

    await expect(send(session, [step])).rejects.toMatchObject({
      isDurableExecutionClientError: true,
      scope: "EXECUTION",
      code: "TIDEMARK_ENTRY_TOO_LARGE",
      message: "store x: log entry 1 has 70000112 bytes",
      cause,
    });
  });

  it.each([new Error("disk full"), undefined])(
    "for another reason (%p) passes that reason on, and the token stays good",
    async (reason) => {
      let isBroken = true;
      const session = await openSession(
        storeWith(run.store, {
          append: (...request) => (isBroken ? Promise.reject(reason) : run.store.append(...request)),
        }),
      );

      await expect(send(session, [step])).rejects.toBe(reason);
      isBroken = false;
      await send(session, [step]);

      expect(await run.log()).toEqual(["1: SUCCEED 1"]);
    },
  );

  it("because an update is not allowed says which and why, and writes nothing of the checkpoint", async () => {
    const session = await openSession();
    const wait = starting("WAIT", "2", { WaitOptions: { WaitSeconds: 0 } });

    await expect(send(session, [step, wait])).rejects.toMatchObject({
      scope: "EXECUTION",
      code: "TIDEMARK_UPDATE_REJECTED",
      message: expect.stringMatching(/^execution main\.one: operation 2: WaitOptions\.WaitSeconds is 0; /),
    });
    expect([await run.log(), (await operationsOf(session)).length]).toEqual([[], 1]);
  });
});

describe("an entry", () => {
  it("is durable before the answer", async () => {
    let finish = (): void => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const session = await openSession(
      storeWith(run.store, {
        append: async (...request) => {
          await gate;
          return run.store.append(...request);
        },
      }),
    );
    let isAnswered = false;
    const sent = send(session, [step]).then(() => {
      isAnswered = true;
    });
    await run.clock.quiet();
    expect([isAnswered, (await operationsOf(session)).length]).toEqual([false, 1]);
    finish();
    await sent;

    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });

  it("is never older than the one before, whatever the clock does", async () => {
    let nowMs = run.startMs + 5000;
    const clock = { ...run.clock, nowMs: () => nowMs, setTimer: () => () => {}, random: () => 0.5 };
    const { session } = await run.open(
      (head) => new Session({ store: run.store, clock, head, inlineWaitMs: 0 }),
    );
    await send(session, [step]);
    nowMs = run.startMs - 60_000;
    await send(session, [ending("STEP", "2")]);

    expect((await run.entries()).map(({ atMs }) => atMs - run.startMs)).toEqual([5000, 5000]);
    expect((await operationsOf(session)).map(({ EndTimestamp }) => EndTimestamp)).toEqual([
      undefined,
      new Date(run.startMs + 5000),
      new Date(run.startMs + 5000),
    ]);
  });

  it("has the epoch, and a nonce that no other entry has", async () => {
    const first = await openSession();
    await send(first, [step]);
    await send(first, [ending("STEP", "2")]);
    await run.loseLease();
    await openSession();
    const entries = await run.entries();

    expect(entries.map(({ epoch }) => epoch)).toEqual([1, 1, 2]);
    expect(new Set(entries.map(({ nonce }) => nonce)).size).toBe(3);
  });
});

describe("a result that is too large for the response", () => {
  it("is kept for the end, and the updates before it are recorded", async () => {
    const session = await openSession();
    const result = ending("EXECUTION", "main.one", { Payload: '"large"' });

    await send(session, [step, result]);

    expect(session.largeResult).toBe('"large"');
    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });

  it("alone writes nothing; without a payload it is an empty text", async () => {
    const session = await openSession();
    expect(session.largeResult).toBeUndefined();

    await send(session, [ending("EXECUTION", "main.one")]);

    expect([session.largeResult, session.token, await run.log()]).toEqual(["", "main.one.1.1", []]);
  });
});

describe("the state", () => {
  it("begins with the EXECUTION and its input", async () => {
    run = await ManualExecution.start({ input: '{"n":1}' });
    const session = await openSession();
    await send(session, [step]);

    expect(await operationsOf(session)).toMatchObject([
      {
        Id: "main.one",
        Type: "EXECUTION",
        Status: "STARTED",
        StartTimestamp: new Date(run.startMs),
        ExecutionDetails: { InputPayload: '{"n":1}' },
      },
      { Id: "1", Type: "STEP", Status: "SUCCEEDED" },
    ]);
  });
});

describe("the inbox", () => {
  const created = starting("CALLBACK", "1");
  const answered = { kind: "callback_succeeded", id: "1", result: "yes" } as const;

  it("is read when the session has been told of news, and then counts as seen", async () => {
    const session = await openSession();
    await send(session, [created]);
    await run.post(answered);
    await send(session, []);
    expect([session.inboxCount, (await run.head()).inboxCount]).toEqual([0, 1]);

    session.inboxChanged();
    const answer = await send(session, []);

    expect(session.inboxCount).toBe(1);
    expect(answer.NewExecutionState?.Operations).toMatchObject([
      { Id: "1", Status: "SUCCEEDED", CallbackDetails: { Result: "yes" } },
    ]);
  });

  it("is read once for each notice, and each event is recorded once", async () => {
    let reads = 0;
    const store = storeWith(run.store, {
      inbox: (executionId) => {
        reads += 1;
        return run.store.inbox(executionId);
      },
    });
    const session = await openSession(store);
    await send(session, [created]);
    await run.post(answered);
    session.inboxChanged();
    await send(session, []);
    await send(session, []);
    session.inboxChanged();
    await send(session, []);

    expect(reads).toBe(2);
    expect(await run.log()).toEqual(["1: START 1", "2: callback_succeeded 1"]);
  });

  it("tells the code in the process that something has come", async () => {
    const session = await openSession();
    let notices = 0;
    session.inboxChanged();
    session.hostOptions.onOutsideEvent?.(() => {
      notices += 1;
    });

    session.inboxChanged();

    expect(notices).toBe(1);
  });

  it("counts as seen when the session opens", async () => {
    await send(await openSession(), [created]);
    await run.giveBack();
    await run.post(answered);

    expect((await openSession()).inboxCount).toBe(1);
  });
});

describe("events below a context that ends in the same checkpoint", () => {
  const outer = starting("CONTEXT", "1");
  const inner = starting("CONTEXT", "1-1", { ParentId: "1" });

  it("are left out; those beside it are recorded", async () => {
    const session = await openSession();
    await send(session, [
      outer,
      inner,
      starting("CALLBACK", "1-1-1", { ParentId: "1-1" }),
      starting("CALLBACK", "2"),
    ]);
    for (const id of ["1-1-1", "2"]) await run.post({ kind: "callback_succeeded", id });
    session.inboxChanged();

    await send(session, [ending("CONTEXT", "1")]);

    expect((await run.log())[1]).toBe("2: SUCCEED 1, callback_succeeded 2");
  });

  it("are left out for good, also when the ended context keeps its children", async () => {
    const session = await openSession();
    await send(session, [outer, starting("WAIT", "1-1", { ParentId: "1", WaitOptions: { WaitSeconds: 5 } })]);
    await send(session, [ending("CONTEXT", "1", { ContextOptions: { ReplayChildren: true } })]);
    await run.advance(5000);
    await send(session, []);

    expect(await run.log()).toHaveLength(2);
    expect(session.nextDueMs).toBeUndefined();
  });
});
