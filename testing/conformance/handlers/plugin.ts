/** Owns the handlers of the suite `plugin` (10) up to 10-17: when hooks are called. */

import {
  createRetryStrategy,
  type DurableInstrumentationPlugin,
  type DurableLambdaHandler,
  type InvocationEndInfo,
  type InvocationInfo,
  JitterStrategy,
  retryPresets,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";
import { isStep, PluginRecorder } from "./plugin-recorder";

/** The single step that most cases observe. */
function greeting(plugins: DurableInstrumentationPlugin[]): DurableLambdaHandler {
  return withDurableExecution(async (name: string, context) => context.step(async () => `Hello, ${name}!`), {
    plugins,
  });
}

/** Records invocations as 10-1, 10-5 and 10-7 say. */
function invocationPlugin(name: string): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder(name);
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
      recorder.write("invocation-start", { first: info.isFirstInvocation });
    },
    async onInvocationEnd(info) {
      recorder.write("invocation-end", { status: info.status });
    },
  };
}

/** Logs every hook, then throws from it. */
function faultyPlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder("CONFPLUGIN-FAULTY");
  const fail = (hook: string): never => {
    recorder.write(hook);
    throw new Error(`${hook} is faulty`);
  };
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
      fail("invocation-start");
    },
    async onInvocationEnd() {
      fail("invocation-end");
    },
    async onOperationStart(info) {
      if (isStep(info)) fail("operation-start");
    },
    async onOperationEnd(info) {
      if (isStep(info)) fail("operation-end");
    },
    async onOperationAttemptStart(info) {
      if (isStep(info)) fail("attempt-start");
    },
    async onOperationAttemptEnd(info) {
      if (isStep(info)) fail("attempt-end");
    },
  };
}

function healthyPlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder("CONFPLUGIN-HEALTHY");
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
      recorder.write("invocation-start", { first: info.isFirstInvocation });
    },
    async onInvocationEnd(info) {
      recorder.write("invocation-end", { status: info.status });
    },
    async onOperationStart(info) {
      if (isStep(info)) recorder.write("operation-start", { op: info.id });
    },
    async onOperationEnd(info) {
      if (isStep(info)) recorder.write("operation-end", { op: info.id, status: info.status });
    },
    async onOperationAttemptStart(info) {
      if (isStep(info)) recorder.write("attempt-start", { op: info.id });
    },
    async onOperationAttemptEnd(info) {
      if (isStep(info)) recorder.write("attempt-end", { op: info.id, outcome: info.outcome });
    },
  };
}

/** A recorder and the hook that tells it the execution. */
function recording(): {
  recorder: PluginRecorder;
  onInvocationStart: (info: InvocationInfo) => Promise<void>;
} {
  const recorder = new PluginRecorder();
  return { recorder, onInvocationStart: async (info) => recorder.begin(info) };
}

/** Records the operations of one type as 10-10 says. */
function typedOperationPlugin(type: string): DurableInstrumentationPlugin {
  const { recorder, onInvocationStart } = recording();
  return {
    onInvocationStart,
    async onOperationStart(info) {
      if (info.type.toUpperCase() !== type) return;
      recorder.write("operation-start", { op: info.id, type });
    },
    async onOperationEnd(info) {
      if (info.type.toUpperCase() !== type) return;
      recorder.write("operation-end", { op: info.id, type, status: info.status });
    },
  };
}

/** Records how each invocation ended as 10-16 says. */
function suspensionPlugin(): DurableInstrumentationPlugin {
  const recorder = new PluginRecorder();
  let isFirst: boolean | undefined;
  return {
    async onInvocationStart(info) {
      recorder.begin(info);
      isFirst = info.isFirstInvocation;
      recorder.write("invocation-start", { first: isFirst });
    },
    async onInvocationEnd(info) {
      // Tidemark tells it here too; other SDKs only at the start.
      const { isFirstInvocation } = info as InvocationEndInfo & { readonly isFirstInvocation?: boolean };
      const terminal = info.status === "SUCCEEDED" || info.status === "FAILED";
      recorder.write("invocation-end", {
        first: isFirstInvocation ?? isFirst,
        terminal,
        status: info.status,
      });
    },
  };
}

export const pluginHandlers: CaseHandlers = {
  "10-1": () =>
    withDurableExecution(
      async (name: string, context) =>
        context.step(async (stepContext) => {
          stepContext.logger.info(`Greeting step running for: ${name}`);
          return `Hello, ${name}!`;
        }),
      { plugins: [invocationPlugin("CONFPLUGIN")] },
    ),

  "10-2": () => {
    const { recorder, onInvocationStart } = recording();
    return greeting([
      {
        onInvocationStart,
        async onOperationStart(info) {
          if (isStep(info)) recorder.write("operation-start", { op: info.id });
        },
        async onOperationEnd(info) {
          if (isStep(info)) recorder.write("operation-end", { op: info.id, status: info.status });
        },
      },
    ]);
  },

  "10-4": () => greeting([faultyPlugin()]),

  "10-5": () => greeting([invocationPlugin("CONFPLUGIN-A"), invocationPlugin("CONFPLUGIN-B")]),

  "10-7": () =>
    withDurableExecution(
      async (_event: unknown, context) =>
        context.step(
          async () => {
            throw new Error("always fails");
          },
          { retryStrategy: retryPresets.noRetry },
        ),
      { plugins: [invocationPlugin("CONFPLUGIN")] },
    ),

  "10-8": () => {
    const { recorder, onInvocationStart } = recording();
    return greeting([
      {
        onInvocationStart,
        async onOperationChange(info) {
          for (const [key, operation] of Object.entries(info.updatedOperations)) {
            if (!isStep(operation)) continue;
            recorder.write("operation-change", {
              op: operation.id,
              status: operation.status,
              in_full_map: info.operations[key]?.id === operation.id,
            });
          }
        },
      },
    ]);
  },

  "10-10": () =>
    withDurableExecution(
      async (_event: unknown, context) => {
        await context.wait({ seconds: 2 });
      },
      { plugins: [typedOperationPlugin("WAIT")] },
    ),

  "10-11": () => {
    const { recorder, onInvocationStart } = recording();
    return withDurableExecution(
      async (name: string, context) =>
        context.runInChildContext(async (child) => child.step(async () => `Hello, ${name}!`)),
      {
        plugins: [
          {
            onInvocationStart,
            async onOperationEnd({ id, parentId, status }) {
              recorder.write("operation-end", { op: id, parent: parentId ?? "NONE", status });
            },
          },
        ],
      },
    );
  },

  "10-13": (world) => {
    const { recorder, onInvocationStart } = recording();
    const plugin: DurableInstrumentationPlugin = {
      onInvocationStart,
      async onOperationStart(info) {
        if (isStep(info)) recorder.write("operation-start", { op: info.id, replay: info.isReplay });
      },
      async onOperationEnd(info) {
        if (isStep(info)) recorder.write("operation-end", { op: info.id, status: info.status });
      },
    };
    return withDurableExecution(
      async (_event: unknown, context) => {
        await context.step(async () => "step A");
        return context.step(
          async () => {
            if (world.countAttempt("step B") === 1) throw new Error("the first attempt failed");
            return "Operation succeeded";
          },
          {
            retryStrategy: createRetryStrategy({
              maxAttempts: 2,
              initialDelay: { seconds: 1 },
              jitter: JitterStrategy.NONE,
            }),
          },
        );
      },
      { plugins: [plugin] },
    );
  },

  "10-14": () => {
    const { recorder, onInvocationStart } = recording();
    const plugin: DurableInstrumentationPlugin = {
      onInvocationStart,
      async onOperationEnd(info) {
        if (!isStep(info)) return;
        const { id, status, result, error } = info;
        recorder.write("operation-end", {
          op: id,
          status,
          result: result ?? "NONE",
          error: error?.message ?? "NONE",
        });
      },
    };
    return withDurableExecution(
      async (_event: unknown, context) => {
        await context.step(async () => "task-a");
        await context.step(
          async () => {
            throw new Error("boom");
          },
          { retryStrategy: retryPresets.noRetry },
        );
      },
      { plugins: [plugin] },
    );
  },

  "10-16": () =>
    withDurableExecution(
      async (_event: unknown, context) => {
        await context.wait({ seconds: 2 });
      },
      { plugins: [suspensionPlugin()] },
    ),

  "10-17": () => greeting([faultyPlugin(), healthyPlugin()]),
};
