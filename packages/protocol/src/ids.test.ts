import fc from "fast-check";
import {
  callbackId,
  checkpointToken,
  childExecutionId,
  exactExecutionId,
  executionArn,
  executionIdOf,
  isMeant,
  namedExecutionId,
  operationId,
  parseCallbackId,
  parseExecutionId,
  validateExecutionName,
} from "./ids.js";

const id = fc.stringMatching(/^[A-Za-z0-9_.:$~-]{1,40}$/);
const position = fc
  .array(fc.integer({ min: 1, max: 999 }), { minLength: 1, maxLength: 5 })
  .map((path) => path.join("-"));

describe("operationId", () => {
  it("is the position, prefixed by the context's", () => {
    expect([operationId("", 3), operationId("3", 1), operationId("3-1", 2)]).toEqual(["3", "3-1", "3-1-2"]);
  });
});

describe("executionArn", () => {
  it("has the shape of a Lambda durable execution's ARN, and gives the id back", () => {
    expect(executionArn("order", "01J")).toBe(
      "arn:tidemark:durable:local:0:function:order/durable-execution/01J/01J",
    );
    fc.assert(
      fc.property(id, id, (name, executionId) =>
        expect(executionIdOf(executionArn(name, executionId))).toBe(executionId),
      ),
    );
  });

  it("is optional: an id stands for itself", () => {
    expect(executionIdOf("order.nightly")).toBe("order.nightly");
  });
});

describe("checkpointToken", () => {
  it("is another one for another execution, epoch or sequence", () => {
    const place = fc.tuple(id, fc.nat(), fc.nat());
    fc.assert(
      fc.property(place, place, (one, other) => {
        const isSame = one.every((part, index) => part === other[index]);
        expect(checkpointToken(...one) === checkpointToken(...other)).toBe(isSame);
      }),
    );
  });
});

describe("callbackId", () => {
  it("gives execution and operation back", () => {
    fc.assert(
      fc.property(id, position, fc.nat(), (executionId, operation, startedAtMs) => {
        expect(parseCallbackId(callbackId(executionId, operation, startedAtMs))).toEqual({
          executionId,
          operationId: operation,
        });
      }),
    );
  });

  it("differs between executions of the same name, and between operations", () => {
    const ids = [
      callbackId("e1", "3", 1),
      callbackId("e1", "3", 2),
      callbackId("e1", "4", 1),
      callbackId("e2", "3", 1),
    ];

    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(["", "e1", "e1:3", ":3:abc", "e1::abc", "e1:3:", "e1:3:ABC"])(
    "is not %j, and the error says so",
    (text) => {
      expect(() => parseCallbackId(text)).toThrow(
        expect.objectContaining({
          code: "TIDEMARK_CALLBACK_ID",
          message: expect.stringContaining(JSON.stringify(text)),
        }),
      );
    },
  );

  it("is not something else than text", () => {
    expect(() => parseCallbackId(undefined as unknown as string)).toThrow(
      expect.objectContaining({ code: "TIDEMARK_CALLBACK_ID" }),
    );
  });
});

describe("the ids of derived executions", () => {
  it("differ for every parent, operation, function and name", () => {
    const derived = [
      childExecutionId("e1", "3"),
      childExecutionId("e1", "3-1"),
      childExecutionId(childExecutionId("e1", "3"), "1"),
      namedExecutionId("order", "a"),
      namedExecutionId("order.b", "a"),
      namedExecutionId("order", "b-a"),
    ];

    expect(new Set(derived).size).toBe(derived.length);
    expect(childExecutionId("e1", "3")).toBe(childExecutionId("e1", "3"));
  });
});

describe("validateExecutionName", () => {
  it.each(["a", "nightly_2026-11-21", "A".repeat(64)])("takes %j", (name) => {
    expect(() => validateExecutionName(name)).not.toThrow();
  });

  it.each(["", "a b", "a.b", "ä", "a/b", "a\n", "A".repeat(65), 7 as unknown as string])(
    "refuses %j",
    (name) => {
      expect(() => validateExecutionName(name)).toThrow(
        expect.objectContaining({
          code: "TIDEMARK_EXECUTION_NAME",
          message: expect.stringContaining(JSON.stringify(name)),
        }),
      );
    },
  );
});

describe("exactExecutionId", () => {
  const incarnation = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);

  it("gives id and incarnation back, and means no other execution", () => {
    fc.assert(
      fc.property(id, incarnation, incarnation, (executionId, one, other) => {
        const exact = exactExecutionId({ executionId, incarnation: one });
        expect(parseExecutionId(exact)).toEqual({ executionId, incarnation: one });
        expect(isMeant(exact, { executionId, incarnation: one })).toBe(true);
        expect(isMeant(exact, { executionId, incarnation: other })).toBe(one === other);
        expect(isMeant(exact, { executionId })).toBe(false);
        expect(isMeant(executionId, { executionId, incarnation: other })).toBe(true);
        expect(isMeant(exact, { executionId: `${executionId}x`, incarnation: one })).toBe(false);
      }),
    );
  });

  it("is the id itself where there is no incarnation", () => {
    expect(exactExecutionId({ executionId: "01J" })).toBe("01J");
    expect(parseExecutionId("01J")).toEqual({ executionId: "01J" });
  });

  it("is part of the ids of what the execution invokes, which are not exact themselves", () => {
    const child = childExecutionId(exactExecutionId({ executionId: "a.b", incarnation: "c" }), "3");

    expect(child).toBe("a.b!c~3");
    expect(parseExecutionId(child)).toEqual({ executionId: child });
    expect(parseExecutionId(childExecutionId(child, "1-2"))).toEqual({ executionId: "a.b!c~3~1-2" });
  });
});
