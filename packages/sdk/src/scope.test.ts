import { currentlyRunning, runIn, Scope } from "./scope.js";

describe("a scope", () => {
  it("hands out ids by position, below its prefix", () => {
    const root = new Scope();
    const child = new Scope(root, { prefix: "2", parentId: "2" });

    expect([
      root.nextPosition(),
      root.nextPosition(),
      child.nextPosition(),
      child.nextPosition(),
      root.nextPosition(),
    ]).toEqual(["1", "2", "2-1", "2-2", "3"]);
  });

  it("lives as long as all scopes around it", () => {
    const root = new Scope();
    const child = new Scope(root, { prefix: "1", parentId: "1" });
    const grandchild = new Scope(child, { prefix: "1-1", parentId: "1-1" });
    const sibling = new Scope(root, { prefix: "2", parentId: "2" });
    child.hasEnded = true;

    expect([root, child, grandchild, sibling].map((scope) => scope.isLive())).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it("is as deep as there are contexts with a record around it", () => {
    const root = new Scope();
    const recorded = new Scope(root, { prefix: "1", parentId: "1" });
    const virtual = new Scope(recorded, { prefix: "1-1", parentId: "1" });
    const inner = new Scope(virtual, { prefix: "1-1-1", parentId: "1-1-1" });

    expect([root, recorded, virtual, inner].map(({ depth }) => depth)).toEqual([0, 1, 1, 2]);
  });

  it("rebuilds if a scope around it does", () => {
    const rebuilding = new Scope(new Scope(), { prefix: "1", parentId: "1", isRebuilding: true });

    expect(new Scope(rebuilding, { prefix: "1-1", parentId: "1-1" }).isRebuilding).toBe(true);
  });
});

describe("the code that is running", () => {
  const running = (operationId: string) => ({
    scope: undefined,
    operationId,
    operationName: undefined,
    attempt: 1,
    invocation: {},
  });

  it("is known across awaits, side by side and nested", async () => {
    const seen: (string | undefined)[] = [];
    const look = async () => {
      await null;
      seen.push(currentlyRunning()?.operationId);
    };
    await Promise.all([
      runIn(running("1"), async () => {
        await look();
        await runIn(running("1-1"), look);
        await look();
      }),
      runIn(running("2"), look),
    ]);
    await look();

    expect(seen.sort()).toEqual(["1", "1", "1-1", "2", undefined].sort());
    expect(currentlyRunning()).toBeUndefined();
  });
});
