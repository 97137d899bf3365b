/**
 * What the documentation of the AWS SDK shows, written anew: every use of the API compiles with
 * either SDK behind the import. Nothing runs it.
 */

import {
  BatchItemStatus,
  type BatchResult,
  buildPreview,
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  CompletionOutcome,
  completeBatch,
  continueBatch,
  createClassSerdes,
  createClassSerdesWithDates,
  createFileSystemSerdes,
  createLinearRetryStrategy,
  createRetryStrategy,
  createWaitStrategy,
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableContext,
  DurableExecutionApiClient,
  type DurableExecutionClient,
  DurableExecutionClientError,
  DurableExecutionClientErrorScope,
  type DurableExecutionHandler,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
  type DurableLambdaHandler,
  type DurableLogger,
  DurablePromise,
  type Duration,
  defaultSerdes,
  FieldMatchMode,
  FileSystemPathEncoding,
  FileSystemSerdesMode,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
  InvocationStatus,
  isDurableExecutionClientError,
  JitterStrategy,
  NestingType,
  type OperationEndInfo,
  OperationStatus,
  OperationType,
  PreviewMode,
  retryPresets,
  type Serdes,
  StepError,
  StepSemantics,
  withDurableExecution,
  withRetry,
} from "@tidemark/sdk";

interface Order {
  readonly id: string;
  readonly lines: { readonly sku: string; readonly quantity: number }[];
}

interface Receipt {
  readonly orderId: string;
  readonly total: number;
}

const hour: Duration = { hours: 1 };
const patient = createRetryStrategy({
  maxAttempts: 5,
  initialDelay: { seconds: 1 },
  maxDelay: { minutes: 1 },
  backoffRate: 2,
  jitter: JitterStrategy.FULL,
  retryableErrors: ["busy", /timed? ?out/i],
  retryableErrorTypes: [RangeError],
});

export const orderHandler = withDurableExecution(async (event: Order, context: DurableContext) => {
  context.logger.info("order received", { id: event.id });
  const priced = await context.step("price", async (step) => {
    step.logger.debug("pricing", { attempt: step.attempt });
    return event.lines.map(({ sku, quantity }) => ({ sku, amount: quantity * 3 }));
  });
  await context.step("reserve", async () => undefined, {
    retryStrategy: patient,
    semantics: StepSemantics.AtMostOncePerRetry,
  });
  await context.step("once", async () => "sent", {
    semantics: StepSemantics.AtMostOncePerRetry,
    retryStrategy: () => ({ shouldRetry: false }),
  });
  await context.wait("cool off", { minutes: 10, seconds: 30 });
  await context.wait({ days: 1 });
  const receipt = await context.invoke<{ amount: number }, Receipt>("charge", "charge:$LATEST", {
    amount: priced.reduce((sum, { amount }) => sum + amount, 0),
  });
  await context.invoke("audit:$LATEST");
  return receipt;
});

export const approvalHandler = withDurableExecution(async (event: { id: string }, context) => {
  const answer = await context.waitForCallback(
    "approval",
    async (callbackId, { logger }) => {
      logger.info("asking", { callbackId, id: event.id });
    },
    { timeout: hour, heartbeatTimeout: { minutes: 5 }, retryStrategy: retryPresets.default },
  );
  const [approved, approvedId] = await context.createCallback<{ by: string }>("second opinion", {
    timeout: { hours: 2 },
    serdes: { deserialize: async (data) => (data === undefined ? undefined : JSON.parse(data)) },
  });
  await context.step("send", async () => approvedId.length);
  const { by } = await approved;
  return `${answer} by ${by}`;
});

export const batchHandler: DurableLambdaHandler = withDurableExecution(async (event: Order, context) => {
  const lines = await context.map(
    "lines",
    event.lines,
    async (child, line, index, all) =>
      child.step(`line ${index}`, async () => ({ sku: line.sku, of: all.length })),
    {
      maxConcurrency: 5,
      itemNamer: (line, index) => `${line.sku}-${index}`,
      completionConfig: { minSuccessful: 1, toleratedFailureCount: 2, toleratedFailurePercentage: 50 },
      nesting: NestingType.FLAT,
    },
  );
  lines.throwIfError();
  const checks = await context.parallel(
    "checks",
    [
      { name: "stock", func: async (branch) => branch.step(async () => 1) },
      async (branch) => branch.step(async () => 2),
    ],
    {
      completionConfig: {
        shouldComplete: ({ successCount, failureCount }) => {
          if (failureCount > 1) return completeBatch(CompletionOutcome.FAILED);
          return successCount > 0 ? completeBatch() : continueBatch();
        },
      },
    },
  );
  const mixed: BatchResult<number | string> = await context.parallel<number | string>([
    async () => 1,
    async () => "two",
  ]);
  const failed = checks.failed().map(({ index, error }) => `${index}: ${error.message}`);
  return {
    skus: lines.getResults().map(({ sku }) => sku),
    isDone: checks.status === BatchItemStatus.SUCCEEDED,
    reason: checks.completionReason,
    failed,
    mixed: mixed.succeeded().map(({ result }) => result),
  };
});

export const combinedHandler: DurableExecutionHandler<{ urls: string[] }, string> = async (
  event,
  context,
) => {
  const [user, posts] = await context.promise.all([
    context.step("user", async () => "u"),
    context.step("posts", async () => event.urls[0] ?? ""),
  ]);
  const quickest = await context.promise.race("quickest", [
    context.step(async () => user),
    context.step(async () => posts),
  ]);
  const any = await context.promise.any([context.step(async () => quickest)]);
  const settled = await context.promise.allSettled([context.step(async () => any)]);
  const lazy = new DurablePromise(async () => settled.length);
  return `${await lazy} ${lazy.isExecuted}`;
};

export const groupedHandler = withDurableExecution(async (_event: unknown, context) => {
  const sum = await context.runInChildContext(
    "sum",
    async (child) => {
      const a = await child.step(async () => 1);
      return a + (await child.runInChildContext(async (inner) => inner.step(async () => 2)));
    },
    { errorMapper: (error) => new StepError(error.message, error), summaryGenerator: (value) => `${value}` },
  );
  const job = await context.waitForCondition(
    "job",
    async (state: { polls: number }, { attempt, logger }) => {
      logger.info("polling", { attempt });
      return { polls: state.polls + 1 };
    },
    {
      initialState: { polls: 0 },
      waitStrategy: createWaitStrategy<{ polls: number }>({
        shouldContinuePolling: (state) => state.polls < 3,
        initialDelay: { seconds: 5 },
        maxAttempts: 10,
        jitter: JitterStrategy.HALF,
      }),
    },
  );
  const retried = await withRetry(
    context,
    "block",
    async (child, attempt) => child.step(async () => attempt),
    { retryStrategy: createLinearRetryStrategy({ maxAttempts: 3, increment: { seconds: 1 } }) },
  );
  return sum + job.polls + retried;
});

class Account {
  owner = "";
  openedAt = new Date(0);
}

const trimmed: Serdes<string> = {
  serialize: async (value, { entityId, durableExecutionArn }) =>
    value === undefined ? undefined : `${entityId}${durableExecutionArn}${value.trim()}`,
  deserialize: async (data) => data,
};

export const serdesHandler = withDurableExecution(async (_event: unknown, context) => {
  context.configureSerdes({
    defaultSerdes: createFileSystemSerdes("/mnt/data", {
      storageMode: FileSystemSerdesMode.OVERFLOW,
      pathEncoding: FileSystemPathEncoding.HASH,
      generatePreview: (value) =>
        buildPreview(value, {
          mode: PreviewMode.EXCLUDE_ALL,
          include: [{ name: "id", match: FieldMatchMode.ANYWHERE }],
          mask: [{ name: "card" }],
          maskString: "*",
          maxPreviewBytes: 1024,
        }),
    }),
    defaultCallbackDeserializer: defaultSerdes,
  });
  const account = await context.step("open", async () => new Account(), {
    serdes: createClassSerdes(Account),
  });
  const dated = await context.step("dated", async () => account, {
    serdes: createClassSerdesWithDates(Account, ["openedAt"]),
  });
  return context.step("text", async () => dated.owner, { serdes: trimmed });
});

const quietLogger: DurableLogger = {
  log: () => {},
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
};

export const loggedHandler = withDurableExecution(async (_event: unknown, context) => {
  context.configureLogger({ customLogger: quietLogger, modeAware: false });
  context.configureLogger({ modeAware: true });
  return [context.executionContext.durableExecutionArn, context.lambdaContext.awsRequestId];
});

class CountingPlugin implements DurableInstrumentationPlugin {
  ended = 0;

  async onOperationEnd(info: OperationEndInfo): Promise<void> {
    if (info.type === OperationType.STEP && info.status === OperationStatus.SUCCEEDED) this.ended += 1;
  }

  enrichLogContext(): Record<string, string | number | boolean> {
    return { ended: this.ended };
  }
}

export const durableExecutionPluginProvider = {
  pluginApiVersion: DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  pluginType: CountingPlugin,
  createPlugin: () => new CountingPlugin(),
} satisfies DurableInstrumentationPluginProvider<CountingPlugin>;

class HttpClient implements DurableExecutionClient {
  async getExecutionState(
    request: GetDurableExecutionStateRequest,
  ): Promise<GetDurableExecutionStateResponse> {
    if (request.DurableExecutionArn === undefined) {
      throw new DurableExecutionClientError("no execution", {
        scope: DurableExecutionClientErrorScope.EXECUTION,
      });
    }
    return { Operations: [] };
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const updates = request.Updates ?? [];
    return {
      ...(request.CheckpointToken === undefined ? {} : { CheckpointToken: request.CheckpointToken }),
      NewExecutionState: {
        Operations: updates.map(({ Id }) => ({ Id, StartTimestamp: undefined })) as never,
      },
    };
  }
}

export const remoteHandler = withDurableExecution(combinedHandler, {
  durableExecutionClient: new HttpClient(),
  plugins: [new CountingPlugin()],
  pluginsConfig: { childOperationsDepth: 1 },
});
export const managedHandler = withDurableExecution(combinedHandler, {
  durableExecutionClient: new DurableExecutionApiClient(),
});

export async function outcome(handler: DurableLambdaHandler): Promise<string | undefined> {
  const output = await handler(
    { DurableExecutionArn: "arn", CheckpointToken: "t", InitialExecutionState: { Operations: [] } },
    {} as Parameters<DurableLambdaHandler>[1],
  );
  if (output.Status === InvocationStatus.FAILED) return output.Error.ErrorMessage;
  return output.Status === InvocationStatus.SUCCEEDED ? output.Result : undefined;
}

export const isTransient = (error: unknown): boolean =>
  isDurableExecutionClientError(error) && error.scope === DurableExecutionClientErrorScope.INVOCATION;
