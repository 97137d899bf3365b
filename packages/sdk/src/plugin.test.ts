import {
  AttemptEndInfoOutcome,
  type ChildContextInfo,
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
  type InvocationEndInfo,
  type OperationInfo,
  PluginInvocationStatus,
  PluginOperationStatus,
} from "./plugin.js";

it("has the names and values of the AWS SDK", () => {
  expect(DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION).toBe(1);
  expect(Object.entries(PluginInvocationStatus)).toEqual(pairs("SUCCEEDED", "FAILED", "PENDING", "RETRYING"));
  expect(Object.entries(PluginOperationStatus)).toEqual(
    pairs("STARTED", "READY", "PENDING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "CANCELLED"),
  );
  expect(Object.entries(AttemptEndInfoOutcome)).toEqual(pairs("SUCCEEDED", "FAILED"));
});

it("accepts a plugin written for the AWS SDK, and its provider", async () => {
  class Tracing implements DurableInstrumentationPlugin {
    readonly seen: string[] = [];
    async wrapChildContextFn(info: OperationInfo, fn: () => unknown): Promise<unknown> {
      this.seen.push(info.id);
      return await fn();
    }
    async onInvocationEnd({
      status,
      executionError,
    }: Omit<InvocationEndInfo, "isFirstInvocation">): Promise<void> {
      this.seen.push(status, String(executionError?.message));
    }
  }
  const provider: DurableInstrumentationPluginProvider<Tracing> = {
    pluginApiVersion: DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
    pluginType: Tracing,
    createPlugin: () => new Tracing(),
  };
  const info: ChildContextInfo = { id: "1", type: "CONTEXT", isReplay: false, isReplayingChildren: false };
  const plugin = provider.createPlugin();
  expect(await plugin.wrapChildContextFn(info, () => 7)).toBe(7);
  expect(plugin.seen).toEqual(["1"]);
});

function pairs(...names: string[]): [string, string][] {
  return names.map((name) => [name, name]);
}
