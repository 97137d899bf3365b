import { ForeignChanges } from "./foreign-changes.js";

/** No file is there, so the watcher cannot be set up and the intervals do all the looking. */
const walPath = "/nonexistent/store.db-wal";

describe("ForeignChanges", () => {
  let version: number;
  let reads: number;
  let changes: number;
  let foreign: ForeignChanges;

  beforeEach(() => {
    jest.useFakeTimers();
    version = 1;
    reads = 0;
    changes = 0;
    foreign = new ForeignChanges({
      version: () => {
        reads += 1;
        return version;
      },
      walPath,
      pollIntervalMs: 100,
      onChange: () => {
        changes += 1;
      },
    });
  });
  afterEach(() => {
    foreign.stop();
    jest.useRealTimers();
  });

  it("tells of a change once, at the next look", () => {
    foreign.start();
    version = 2;
    jest.advanceTimersByTime(99);
    expect(changes).toBe(0);

    jest.advanceTimersByTime(501);

    expect(changes).toBe(1);
  });

  it("does not look while nobody listens", () => {
    jest.advanceTimersByTime(1_000);
    foreign.ownCommit();
    jest.advanceTimersByTime(1_000);
    expect(reads).toBe(0);

    foreign.start();
    foreign.stop();
    reads = 0;
    jest.advanceTimersByTime(1_000);

    expect(reads).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it("tells nothing of what came before somebody listened", () => {
    version = 7;
    foreign.start();

    jest.advanceTimersByTime(1_000);

    expect(changes).toBe(0);
  });

  it("looks every 10 ms while this process writes, and goes back when it stops", () => {
    foreign.start();
    for (let write = 0; write < 5; write++) {
      foreign.ownCommit();
      version += 1;
      jest.advanceTimersByTime(10);
      expect(changes).toBe(write + 1);
    }

    jest.advanceTimersByTime(200);
    reads = 0;
    jest.advanceTimersByTime(1_000);

    expect(reads).toBe(10);
  });

  it("goes on after a look that failed", () => {
    let isBroken = true;
    const told: string[] = [];
    const broken = new ForeignChanges({
      version: () => {
        if (isBroken) throw new Error("database is locked");
        return version;
      },
      walPath,
      pollIntervalMs: 100,
      onChange: () => told.push("changed"),
    });
    broken.start();
    jest.advanceTimersByTime(100);
    isBroken = false;

    jest.advanceTimersByTime(100);
    broken.stop();

    // It cannot know whether something has changed meanwhile, so it says so.
    expect(told).toEqual(["changed"]);
  });
});
