import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { encodeCursor } from "@tidemark/store";
import { listStatement } from "./listing.js";
import { createSchema } from "./schema.js";

describe("listStatement", () => {
  let database: DatabaseSyncInstance;
  beforeEach(() => {
    database = new DatabaseSync(":memory:");
    createSchema(database, ":memory:");
  });
  afterEach(() => database.close());

  const cursor = encodeCursor({ startedAtMs: 5, executionId: "e" });
  const window = { startedAfterMs: 1, startedBeforeMs: 9 };

  it.each([
    ["executions_started", {}],
    ["executions_function", { functionName: "f" }],
    ["executions_function", { functionName: "f", status: "SUCCEEDED" }],
    ["executions_live", { status: "PENDING" }],
    ["executions_live", { functionName: "f", status: "RUNNING" }],
    ["executions_ended", { status: "SUCCEEDED" }],
    ["executions_ended", { functionName: "f", status: "FAILED" }],
  ] as const)("walks %s in order for %j, with and without a cursor and a window", (index, filter) => {
    for (const more of [{}, { cursor }, window, { ...window, cursor, oldestFirst: true }]) {
      const { sql, parameters } = listStatement({ ...filter, ...more, limit: 10 });
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters);
      const details = plan.map(({ detail }) => detail as string);

      expect(details[0]).toContain(`USING INDEX ${index}`);
      expect(details.join("\n")).not.toContain("TEMP B-TREE");
    }
  });
});
