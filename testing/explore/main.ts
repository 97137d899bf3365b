/**
 * Owns the long check: `npm run explore:check [-- --pairs N]`.
 *
 * Every faulty handler must be found, and found as what it is; no right handler may be blamed; and at
 * least 5,000 schedules must fit into a minute of one core. The last line is one JSON object; the exit
 * code is not 0 when a bar is missed.
 */

import { parseArgs } from "node:util";
import { CrashExplorationError } from "@tidemark/testing";
import { exploreFaulty, exploreRight } from "./check";
import { faultyHandlers } from "./faulty-handlers";
import { rightHandlers } from "./right-handlers";

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "300" },
    verbose: { type: "boolean", default: false },
  },
});

const MIN_SCHEDULES_PER_MINUTE = 5_000;

async function checkFaulty(): Promise<number> {
  let found = 0;
  for (const [name, { bug, found: wanted }] of Object.entries(faultyHandlers)) {
    const { error } = await exploreFaulty(name);
    const isFound = error?.kind === wanted;
    if (isFound) found += 1;
    console.log(`${isFound ? "found" : "MISSED"}  ${name}: ${bug}`);
    console.log(`        ${error === undefined ? "nothing" : `${error.schedule}, ${error.kind}`}`);
    if (values.verbose && error !== undefined) console.log(`${error.message}\n`);
  }
  return found;
}

async function checkRight(): Promise<{ clean: number; schedules: number }> {
  let clean = 0;
  let schedules = 0;
  for (const name of Object.keys(rightHandlers)) {
    try {
      const report = await exploreRight(name);
      schedules += report.schedules;
      clean += 1;
      console.log(`clean   ${name}: ${report.schedules} schedules, ${report.calls.length} calls`);
    } catch (error) {
      if (!(error instanceof CrashExplorationError)) throw error;
      console.log(`BLAMED  ${name}: ${error.message}`);
    }
  }
  return { clean, schedules };
}

/** Time of this process on a core: what else the machine does does not count. */
async function measure(): Promise<{ schedules: number; perMinute: number; perMinuteOfWallClock: number }> {
  await exploreRight("tenSteps", { pairs: 0 });
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const { schedules } = await exploreRight("tenSteps", { pairs: Number(values.pairs) });
  const { user, system } = process.cpuUsage(before);
  const cpuMinutes = (user + system) / 60e6;
  const minutes = (performance.now() - startedMs) / 60e3;
  return {
    schedules,
    perMinute: Math.round(schedules / cpuMinutes),
    perMinuteOfWallClock: Math.round(schedules / minutes),
  };
}

async function main(): Promise<number> {
  const found = await checkFaulty();
  const { clean, schedules } = await checkRight();
  const speed = await measure();
  const faulty = Object.keys(faultyHandlers).length;
  const right = Object.keys(rightHandlers).length;
  const isMet = found === faulty && clean === right && speed.perMinute >= MIN_SCHEDULES_PER_MINUTE;
  console.log(
    JSON.stringify({
      faulty,
      found,
      right,
      clean,
      schedules,
      measuredSchedules: speed.schedules,
      schedulesPerMinuteOfCpu: speed.perMinute,
      schedulesPerMinuteOfWallClock: speed.perMinuteOfWallClock,
      barPerMinute: MIN_SCHEDULES_PER_MINUTE,
      isMet,
    }),
  );
  return isMet ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);
