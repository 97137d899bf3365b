/** Where a log is cut, against the replay of every prefix: programs that are changed after they were recorded. */

import { importHistory } from "@tidemark/protocol";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { recordHistory } from "./record-history.js";
import { cutsOf } from "./replay-cuts.js";
import { type RecordedExecution, replayRecorded } from "./replay-history.js";
import { seededRandom } from "./virtual-clock.js";

/** 169: a callback that stands before the outcome of a step only as long as its `waitForCallback` is open. */
const SEEDS = [...Array.from({ length: 40 }, (_, index) => index + 1), 169];

type Part =
  | { readonly kind: "step" | "callback"; name: string }
  | { readonly kind: "wait"; name: string; readonly seconds: number }
  /** Beside each other, or by mistake one after the other. */
  | { readonly kind: "beside"; parts: Part[]; isLate: boolean }
  | { readonly kind: "child" | "branches"; name: string; parts: Part[] };

type Pick = <T>(choices: readonly T[]) => T;

function drawPart(pick: Pick, depth: number, names: () => string): Part {
  const kind = pick(
    depth === 0
      ? (["step", "wait", "callback"] as const)
      : (["step", "wait", "beside", "beside", "child", "child", "branches"] as const),
  );
  const inner = () => Array.from({ length: pick([1, 2, 3]) }, () => drawPart(pick, depth - 1, names));
  switch (kind) {
    case "step":
    case "callback":
      return { kind, name: names() };
    case "wait":
      return { kind, name: names(), seconds: pick([1, 5, 60, 3600]) };
    case "beside":
      return { kind, parts: inner(), isLate: false };
    default:
      return { kind, name: names(), parts: inner() };
  }
}

async function run(part: Part, context: DurableContext): Promise<unknown> {
  switch (part.kind) {
    case "step":
      return context.step(part.name, async () => part.name);
    case "wait":
      return context.wait(part.name, { seconds: part.seconds });
    case "callback":
      return context
        .waitForCallback(part.name, async () => {}, { timeout: { seconds: 30 } })
        .catch(() => "late");
    case "beside":
      if (!part.isLate) return Promise.all(part.parts.map((each) => run(each, context)));
      for (const each of part.parts) await run(each, context);
      return undefined;
    case "child":
      return context.runInChildContext(part.name, async (child) => {
        for (const each of part.parts) await run(each, child);
      });
    case "branches":
      return context.parallel(
        part.name,
        part.parts.map((each) => async (branch: DurableContext) => run(each, branch)),
      );
  }
}

const handlerOf = (program: readonly Part[]) =>
  withDurableExecution(async (_event: unknown, context) => {
    for (const part of program) await run(part, context);
  });

function all(parts: readonly Part[]): Part[] {
  return parts.flatMap((part) => ("parts" in part ? [part, ...all(part.parts)] : [part]));
}

/** One change somewhere: another name, one operation less or more, or asked for too late. */
function change(program: Part[], pick: Pick): void {
  const parts = all(program);
  const lists = [program, ...parts.flatMap((part) => ("parts" in part ? [part.parts] : []))];
  const besides = parts.filter((part) => part.kind === "beside");
  const list = pick(lists);
  const at = pick([...list.keys()]);
  switch (
    pick(
      besides.length === 0
        ? (["name", "less", "more"] as const)
        : (["name", "less", "more", "late", "late"] as const),
    )
  ) {
    case "late":
      pick(besides).isLate = true;
      return;
    case "less":
      list.splice(at, 1);
      return;
    case "more":
      list.splice(at, 0, { kind: "step", name: "new" });
      return;
    case "name": {
      const named = pick(parts.filter((part) => "name" in part)) as { name: string };
      named.name = `${named.name}, renamed`;
    }
  }
}

async function diverges(
  program: readonly Part[],
  recorded: RecordedExecution,
  count: number,
): Promise<boolean> {
  const { head, entries } = recorded;
  const cut: RecordedExecution =
    count === entries.length
      ? recorded
      : { head: { ...head, status: "RUNNING" }, entries: entries.slice(0, count) };
  return (await replayRecorded(handlerOf(program), cut, {})).kind === "diverges";
}

it("the cuts of a log show a change whenever any prefix shows it, and are fewer", async () => {
  const missed: number[] = [];
  const seen = { prefixes: 0, cuts: 0, whole: 0, cut: 0 };
  for (const seed of SEEDS) {
    const random = seededRandom(seed);
    const pick: Pick = (choices) =>
      choices[Math.floor(random() * choices.length)] as (typeof choices)[number];
    let count = 0;
    const names = () => `n${count++}`;
    const program = Array.from({ length: 3 }, () => drawPart(pick, 3, names));
    const recorded = importHistory(await recordHistory(handlerOf(program)));
    const changed = structuredClone(program);
    change(changed, pick);
    const cuts = cutsOf(recorded, () => 0).map((cut) => cut.count);
    const shows = async (counts: readonly number[]): Promise<boolean> => {
      for (const count of counts) if (await diverges(changed, recorded, count)) return true;
      return false;
    };
    const { length } = recorded.entries;
    const isShownWhole = await shows([length]);
    const isShownCut = !isShownWhole && (await shows(cuts));
    if (!isShownWhole && !isShownCut && (await shows([...recorded.entries.keys()]))) missed.push(seed);
    seen.prefixes += length;
    seen.cuts += cuts.length + 1;
    seen.whole += Number(isShownWhole);
    seen.cut += Number(isShownCut);
  }
  expect(missed).toEqual([]);
  expect(seen.cuts).toBeLessThan(seen.prefixes * 0.6);
  // Otherwise this shows nothing.
  expect([seen.whole > SEEDS.length / 10, seen.cut > SEEDS.length / 10]).toEqual([true, true]);
});
