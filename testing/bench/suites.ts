/** Owns what is measured and what has to come out: the rows of each suite, with their bars. */

import type { Bar, Row } from "./figures";

/** Measurements that need a new process for every sample; each gives the samples of one series. */
export interface FreshProcesses {
  readonly [series: string]: string;
}

export interface Suite {
  readonly rows: readonly Row[];
  /** Measurements that are put together from processes of their own. */
  readonly fresh: Readonly<Record<string, FreshProcesses>>;
  /** Measured against a local DynamoDB. */
  readonly needsDynamoDb?: boolean;
}

const AWS = { series: "aws", title: "AWS SDK alone" };
const LOCAL_RUNNER = { series: "awsLocalRunner", title: "AWS local runner" };
const BARE_INSERT = { series: "bareInsert", title: "bare insert" };
const BARE_PUT = { series: "barePut", title: "bare put" };
const THOUSAND = { series: "of1000", title: "of 1,000" };

function ratioAtMost(value: number): Bar {
  return { of: "ratio", kind: "at most", value };
}

function ratioAtLeast(value: number): Bar {
  return { of: "ratio", kind: "at least", value };
}

/** One row against AWS's SDK, and one that states what our SDK needs on its own. */
function againstAws(title: string, measurement: string, bar: Bar): Row[] {
  const common = { measurement, unit: "ms", peer: AWS };
  return [
    { ...common, title, ours: "tidemark", bar },
    { ...common, title: `${title}, our SDK alone`, ours: "tidemarkAlone" },
  ];
}

const throughput = { measurement: "throughput-memory", unit: "/s", ours: "tidemark" };

const core: Suite = {
  rows: [
    ...againstAws("100 sequential steps, memory", "steps-100", ratioAtMost(0.8)),
    ...againstAws("1,000 sequential steps, memory", "steps-1000", ratioAtMost(0.5)),
    ...againstAws("5,000 sequential steps, memory", "steps-5000", ratioAtMost(0.15)),
    ...againstAws("1,000 branches of one step, memory", "branches-1000", ratioAtMost(0.5)),
    ...againstAws("replay of 1,000 steps to the first new one", "replay-1000", ratioAtMost(0.4)),
    { ...throughput, title: "200 × 5 steps, 32 in flight, memory", peer: AWS, bar: ratioAtLeast(1.3) },
    {
      ...throughput,
      title: "200 × 5 steps, 32 in flight, memory",
      peer: LOCAL_RUNNER,
      bar: ratioAtLeast(10),
    },
    {
      title: "sequential step, SQLite, fsync",
      measurement: "step-full",
      unit: "µs",
      ours: "tidemark",
      peer: BARE_INSERT,
      bar: ratioAtMost(1.3),
    },
    {
      title: "sequential step, SQLite, synchronous=NORMAL",
      measurement: "step-normal",
      unit: "µs",
      ours: "tidemark",
      peer: BARE_INSERT,
      bar: ratioAtMost(3),
    },
    {
      title: "1,000 branches of one step, SQLite, fsync",
      measurement: "branches-1000-full",
      unit: "ms",
      ours: "tidemark",
      bar: { of: "figure", kind: "at most", value: 100 },
    },
    {
      title: "200 × 5 steps, 32 in flight, SQLite, fsync",
      measurement: "throughput-full",
      unit: "/s",
      ours: "tidemark",
      bar: { of: "figure", kind: "at least", value: 1_000 },
    },
    {
      title: "peak memory, 1,000 open branches",
      measurement: "open-branches",
      unit: "MB",
      ours: "tidemark",
      peer: AWS,
      bar: { of: "figure", kind: "at most", value: 90 },
    },
    {
      title: "peak memory before",
      measurement: "open-branches",
      unit: "MB",
      ours: "tidemarkIdle",
      peer: { ...AWS, series: "awsIdle" },
    },
  ],
  fresh: {
    "open-branches": {
      tidemark: "open-branches-tidemark",
      aws: "open-branches-aws",
      tidemarkIdle: "open-branches-idle-tidemark",
      awsIdle: "open-branches-idle-aws",
    },
  },
};

const growth: Suite = {
  rows: [
    {
      title: "10,000 branches of one step, memory",
      measurement: "growth-branches",
      unit: "ms",
      ours: "of10000",
      peer: THOUSAND,
      bar: ratioAtMost(12),
    },
    {
      title: "replay of 10,000 steps to the first new one",
      measurement: "growth-replay",
      unit: "ms",
      ours: "of10000",
      peer: THOUSAND,
      bar: ratioAtMost(12),
    },
    {
      title: "resume after 2,000 contexts of 5 steps that have ended, SQLite",
      measurement: "long-history",
      unit: "ms",
      ours: "snapshots",
      peer: { series: "wholeLog", title: "from the whole log" },
      bar: ratioAtMost(0.3),
    },
    {
      title: "heap per open branch, of 10,000",
      measurement: "bytes-per-branch",
      unit: "bytes",
      ours: "bytesPerBranch",
    },
  ],
  fresh: {},
};

const STEP_ON_DYNAMODB = { measurement: "step-dynamodb", unit: "µs" };

const dynamodb: Suite = {
  rows: [
    {
      ...STEP_ON_DYNAMODB,
      title: "sequential step",
      ours: "tidemark",
      peer: BARE_PUT,
      bar: ratioAtMost(1.15),
    },
    {
      ...STEP_ON_DYNAMODB,
      title: "sequential step",
      ours: "tidemark",
      peer: { series: "conditionalPut", title: "put with the condition of an append" },
    },
    {
      ...STEP_ON_DYNAMODB,
      title: "sequential step, processor time of this process",
      ours: "tidemarkCpu",
      peer: { ...BARE_PUT, series: "barePutCpu" },
    },
    {
      title: "64 executions of 100 steps at once, steps",
      measurement: "throughput-dynamodb",
      unit: "/s",
      ours: "tidemark",
      peer: BARE_PUT,
      bar: ratioAtLeast(0.85),
    },
  ],
  fresh: {},
  needsDynamoDb: true,
};

const underMs = (value: number): Bar => ({ of: "figure", kind: "at most", value });
const WARM = { measurement: "year-warm", unit: "ms" };
const TEN_WAITS = "1,000 steps, 10 waits of a year in all";
const THOUSAND_WAITS = "1,000 steps, 1,000 waits of a year in all";
const SMALL_TESTS = { measurement: "small-tests", unit: "ms" };

/** Of a process that does nothing else. */
function newProcess(title: string, measurement: string, bar?: Bar): Row[] {
  const common = { measurement, unit: "ms" };
  const second = { ...common, title: `${title}, second run of a new process`, ours: "second" };
  return [
    bar === undefined ? second : { ...second, bar },
    { ...common, title: `${title}, first run`, ours: "first" },
  ];
}

const testkit: Suite = {
  rows: [
    { ...WARM, title: `${TEN_WAITS}, warm`, ours: "tenWaits", bar: underMs(100) },
    ...newProcess(TEN_WAITS, "ten-waits-fresh", underMs(100)),
    { ...WARM, title: `${THOUSAND_WAITS}, warm`, ours: "thousandWaits", bar: underMs(100) },
    // Most of it is code that has not been compiled yet: stated, without a bar.
    ...newProcess(THOUSAND_WAITS, "thousand-waits-fresh"),
    {
      ...SMALL_TESTS,
      title: "20 small tests, node:test, whole process",
      ours: "nodeTest",
      bar: underMs(1000),
    },
    { ...SMALL_TESTS, title: "20 small tests, Jest, whole process", ours: "jest" },
    { ...SMALL_TESTS, title: "20 small tests, Vitest, whole process", ours: "vitest" },
  ],
  fresh: {
    "ten-waits-fresh": { first: "ten-waits-first-run", second: "ten-waits-second-run" },
    "thousand-waits-fresh": { first: "thousand-waits-first-run", second: "thousand-waits-second-run" },
  },
};

export const SUITES: Readonly<Record<string, Suite>> = { core, growth, dynamodb, testkit };
