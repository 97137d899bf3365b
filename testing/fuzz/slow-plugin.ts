/** Owns the plugin of fuzzed processes: it has every hook, and each takes turns. */

import type {
  AttemptInfo,
  ChildContextInfo,
  DurableInstrumentationPlugin,
  InvocationInfo,
} from "@tidemark/sdk";
import type { VirtualProcess } from "@tidemark/testing";
import { takeTime } from "./operations";
import type { ProgramWorld } from "./world";

export function slowPlugin(world: ProgramWorld, process: VirtualProcess): DurableInstrumentationPlugin {
  const turns = (count: number) => () => takeTime(process, { turns: count }, () => world.clock.touch());
  return {
    onInvocationStart: turns(2),
    wrapInvocation: (_info: InvocationInfo, run) => run(),
    onInvocationEnd: turns(1),
    onOperationStart: turns(1),
    wrapChildContextFn: (_info: ChildContextInfo, run) => run(),
    onOperationEnd: turns(3),
    onOperationAttemptStart: turns(1),
    wrapOperationAttemptFn: (_info: AttemptInfo, run) => run(),
    onOperationAttemptEnd: turns(2),
    onOperationChange: turns(1),
    enrichLogContext: () => ({ plugin: "slow" }),
  };
}
