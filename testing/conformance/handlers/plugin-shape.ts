/** Owns the handlers of the suite `plugin` (10) from 10-19: what the infos of the hooks carry. */

import {
  type DurableInstrumentationPlugin,
  type InvocationEndInfo,
  type OperationInfo,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";
import { isStep, operationFields, PluginRecorder } from "./plugin-recorder";

/** The field that the cases ask for beyond the declared ones of AWS. */
type FullInvocationEndInfo = InvocationEndInfo & { readonly isFirstInvocation?: boolean };

/** As above: whether a context's function runs again over checkpointed children. */
type FullContextInfo = OperationInfo & { readonly isReplayingChildren?: boolean };

function invocationShapePlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder();
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
      recorder.write("invocation-start", {
        isFirstInvocation: info.isFirstInvocation,
        requestId: info.requestId,
        operationsCount: sizeOf(info.operations),
        updatedOperationsCount: sizeOf(info.updatedOperations),
        executionStartTimestamp: info.executionStartTimestamp?.toISOString(),
      });
    },
    async onInvocationEnd(info: FullInvocationEndInfo) {
      recorder.write("invocation-end", {
        isFirstInvocation: info.isFirstInvocation,
        requestId: info.requestId,
        operationsCount: sizeOf(info.operations),
        executionStartTimestamp: info.executionStartTimestamp?.toISOString(),
        status: info.status,
        terminal: info.status === "SUCCEEDED" || info.status === "FAILED",
        executionError: info.executionError?.message,
      });
    },
  };
}

/** An info that lacks a map lacks its size too. */
function sizeOf(map: Readonly<Record<string, unknown>> | undefined): number | undefined {
  return map === undefined ? undefined : Object.keys(map).length;
}

function operationShapePlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder();
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
    },
    async onOperationStart(info) {
      if (isStep(info)) recorder.write("operation-start", operationFields(info));
    },
    async onOperationEnd(info) {
      if (isStep(info)) recorder.write("operation-end", operationFields(info));
    },
  };
}

function changeShapePlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder();
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
    },
    async onOperationChange({ executionArn, updatedOperations, operations }) {
      for (const [key, operation] of Object.entries(updatedOperations)) {
        if (!isStep(operation)) continue;
        recorder.write("operation-change", {
          executionArn,
          updatedOperationsCount: sizeOf(updatedOperations),
          operationsCount: sizeOf(operations),
          inFullMap: operations[key]?.id === operation.id,
          ...operationFields(operation),
        });
      }
    },
  };
}

function contextShapePlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder();
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
    },
    async onOperationStart(info) {
      if (info.type.toUpperCase() === "CONTEXT") recorder.write("operation-start", operationFields(info));
    },
    wrapChildContextFn(info: FullContextInfo, fn) {
      recorder.write("fn-start", {
        ...operationFields(info),
        isReplayingChildren: info.isReplayingChildren,
      });
      return fn();
    },
  };
}

export const pluginShapeHandlers: CaseHandlers = {
  "10-19": () =>
    withDurableExecution(
      async (input: string, context) => {
        await context.wait({ seconds: 2 });
        return `done-${input}`;
      },
      { plugins: [invocationShapePlugin()] },
    ),

  "10-20": () =>
    withDurableExecution(async (_event: unknown, context) => context.step("greet", async () => "task-a"), {
      plugins: [operationShapePlugin()],
    }),

  "10-22": () =>
    withDurableExecution(async (_event: unknown, context) => context.step("greet", async () => "task-a"), {
      plugins: [changeShapePlugin()],
    }),

  "10-23": () =>
    withDurableExecution(
      async (_event: unknown, context) => {
        const batch = await context.parallel(
          "ctx",
          [
            {
              name: "branch-a",
              func: async (branch) => {
                await branch.step("inner", async () => "x");
                await branch.wait({ seconds: 2 });
                return "a-done";
              },
            },
            { name: "branch-b", func: async () => "b-done" },
          ],
          { maxConcurrency: 1 },
        );
        return batch.getResults();
      },
      { plugins: [contextShapePlugin()] },
    ),
};
