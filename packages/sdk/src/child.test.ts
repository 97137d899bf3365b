import { runVirtual } from "./child.js";
import { ChildContextError, type DurableOperationError } from "./errors.js";
import { currentlyRunning, Scope } from "./scope.js";

const invocation = {};
const asChildError = (error: DurableOperationError) => new ChildContextError(error.message, error);

describe("runVirtual", () => {
  it("gives what the code returns, from a scope of its own whose operations belong to the context around it", async () => {
    const outer = new Scope(undefined, { prefix: "2", parentId: "2" });

    const settled = await runVirtual(
      outer,
      "2-1",
      "virtual",
      invocation,
      async (scope) => [scope.nextPosition(), scope.parentId],
      asChildError,
    );

    expect(settled).toEqual({ ok: true, value: ["2-1-1", "2"] });
  });

  it("runs after the code that asked for it has gone on", async () => {
    const order: string[] = [];
    const settled = runVirtual(
      new Scope(),
      "1",
      undefined,
      invocation,
      async () => void order.push("code"),
      asChildError,
    );
    order.push("caller");
    await settled;

    expect(order).toEqual(["caller", "code"]);
  });

  it("tells log lines where they are written", async () => {
    const seen: unknown[] = [];
    await runVirtual(
      new Scope(),
      "1",
      "virtual",
      invocation,
      async () => void seen.push(currentlyRunning()),
      asChildError,
    );

    expect(seen).toEqual([
      {
        scope: expect.any(Scope),
        operationId: "1",
        operationName: "virtual",
        attempt: undefined,
        invocation,
      },
    ]);
  });

  it("ends its scope, whether the code returns or throws", async () => {
    const scopes: Scope[] = [];
    const keep = (scope: Scope) => void scopes.push(scope);
    await runVirtual(new Scope(), "1", undefined, invocation, async (scope) => keep(scope), asChildError);
    const failed = await runVirtual(
      new Scope(),
      "2",
      undefined,
      invocation,
      async (scope) => {
        keep(scope);
        throw new RangeError("no");
      },
      asChildError,
    );

    expect(failed).toMatchObject({ ok: false, error: { name: "ChildContextError", message: "no" } });
    expect(scopes.map((scope) => scope.isLive())).toEqual([false, false]);
  });

  // Nobody handles the promise of `runVirtual`, so what the mapper throws is an unhandled rejection: map inside a
  // `try`, and settle with what was thrown.
  it("settles with what the error mapper throws", async () => {
    const fail = async (): Promise<never> => {
      throw new Error("inner");
    };
    const mapper = (): Error => {
      throw new RangeError("mapper");
    };

    expect(await runVirtual(new Scope(), "1", undefined, invocation, fail, mapper)).toMatchObject({
      ok: false,
      error: { message: "mapper" },
    });
  });
});
