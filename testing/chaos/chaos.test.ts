import { type ChaosReport, runChaos } from "./run";

const EXECUTIONS = 40;

describe("a SQLite file that several worker processes share", () => {
  let report: ChaosReport;

  beforeAll(async () => {
    report = await runChaos({
      store: "sqlite",
      executions: EXECUTIONS,
      workers: 3,
      seed: 7,
      disturbEveryMs: 400,
      leaseMs: 1000,
      snapshotAfterBytes: 0,
      live: EXECUTIONS,
      stallMs: 20_000,
    });
  }, 60_000);

  it("ends every execution once, with the right result, though workers are killed", () => {
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ ended: EXECUTIONS, childExecutions: 2 * EXECUTIONS });
    expect(report.disturbances.kill).toBeGreaterThan(0);
  });

  it("takes over what a killed worker was running", () => {
    expect(report.takeOvers).toBeGreaterThan(0);
  });

  it("reports nothing on the workers' error output", () => {
    expect(report.errorLines).toEqual([]);
  });
});
