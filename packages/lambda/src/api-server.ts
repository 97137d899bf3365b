/**
 * Owns the Lambda durable execution API over HTTP, on the runtime and any store: which request is which call, and the
 * worker that invokes functions.
 *
 * The process that has invoked a function answers the calls of that invocation: it holds the lease. A token that it
 * does not know is refused as stale, which is what it is when the process that knew it has gone.
 */

import { randomUUID } from "node:crypto";
import {
  type DurableExecutionInvocationInputWithClient,
  executionIdOf,
  type HistoryEvent,
  isTerminal,
  type OptionNames,
  parseExecutionId,
  READS_STAND_INS,
  reporter,
  type ThrownError,
} from "@tidemark/protocol";
import {
  type Clock,
  DurableClient,
  type DurableHandler,
  type FunctionToRun,
  isFunctionName,
  Worker,
  type WorkerOptions,
} from "@tidemark/runtime";
import type { Duration } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { ApiError, apiErrorOf, errorResponse, hidden, invalidToken, reported } from "./api-errors.js";
import { functionNameOf, functionNotFound, isRegistered } from "./api-functions.js";
import { type Answered, type CheckpointRequest, isRepeated, ServedInvocation } from "./api-invocation.js";
import { invoke } from "./api-invoke.js";
import { listExecutions } from "./api-list.js";
import { itemsOf, MAX_PAGE_BYTES, marker, pageOf, readMarker } from "./api-pages.js";
import { payloadsOf } from "./api-payloads.js";
import { errorIn, jsonIn, pathOf } from "./api-request.js";
import { wireError, wireEvent, wireExecution, withSeconds } from "./api-shapes.js";
import { optionError, requireNames } from "./options.js";

export interface DurableApiOptions {
  readonly store: ExecutionStore;
  /**
   * What runs executions, by name: whatever takes AWS's durable input and gives its output, such as a handler that is
   * wrapped by AWS's SDK, or {@link lambdaFunction}. Its calls come back over HTTP. Handlers that are wrapped by Tidemark
   * run in this process, as in a `Worker`; plain functions are given as `{ handler, durable: false }`. Default: none; the
   * process then only answers.
   */
  readonly functions?: Readonly<Record<string, FunctionToRun>> | undefined;
  /**
   * Whether a request may be answered. It sees the request with its headers; a body that it reads must be of a
   * `clone()`. Default: **everything is answered** but what pages in a browser send, and no signature is verified.
   */
  readonly authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined;
  /** How long an execution that is started here may take. Default 366 days. */
  readonly timeout?: Duration | undefined;
  /** How long it is kept after its end. Default 14 days. */
  readonly retention?: Duration | undefined;
  /** How much of the state goes into the event of an invocation; the rest is fetched in pages. Default 1000 operations and 5 MB. */
  readonly firstPage?: { readonly items?: number; readonly bytes?: number } | undefined;
  /** How many functions run at a time. Default 100. */
  readonly concurrency?: number | undefined;
  /** How soon others take over after a crash of this process. Milliseconds, default 30,000. */
  readonly leaseMs?: number | undefined;
  /** Invocations in a row that may fail without recording anything before the execution is stopped. Default 10. */
  readonly maxBarrenInvocations?: number | undefined;
  /** How long `stop` waits for functions that run. Milliseconds, default 10,000. */
  readonly drainMs?: number | undefined;
  /** Told of what can be reported to nobody else, and why a request was answered with status 500. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** As in `WorkerOptions`, for functions that run in this process. */
  readonly onThrown?: ((thrown: ThrownError) => void) | undefined;
  readonly clock?: Clock | undefined;
}

const NAMES: OptionNames<DurableApiOptions> = {
  store: true,
  functions: true,
  authorize: true,
  timeout: true,
  retention: true,
  firstPage: true,
  concurrency: true,
  leaseMs: true,
  maxBarrenInvocations: true,
  drainMs: true,
  onError: true,
  onThrown: true,
  clock: true,
};

const FIRST_PAGE_NAMES: OptionNames<NonNullable<DurableApiOptions["firstPage"]>> = {
  items: true,
  bytes: true,
};

/** An API that is served. It answers before it is started; functions run from then on. */
export interface DurableApi {
  /** Answers one request of the Lambda API. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** Begins to invoke functions for what is due. */
  start(): Promise<void>;
  /** Stops that: functions that run are waited for, for up to `drainMs`; then others take over. SIGTERM does it, too. */
  stop(): Promise<void>;
}

/** Enough for the retries of a client, which come within seconds. */
const MAX_ENDINGS = 1000;

/** Longest wait for the write that ends an execution. */
const ENDING_MS = 30_000;

/**
 * Serves the Lambda durable execution API on a store: SDKs of AWS, in any language, keep their log there.
 *
 * It answers `Invoke`, `CheckpointDurableExecution`, `GetDurableExecutionState`, `GetDurableExecution`,
 * `GetDurableExecutionHistory`, `ListDurableExecutionsByFunction`, `StopDurableExecution` and
 * `SendDurableExecutionCallbackSuccess`, `Failure` and `Heartbeat`. Source: Lambda API of 2015-03-31 and 2025-12-01.
 *
 * **It verifies no signature**: whoever can reach it can do everything, unless `authorize` says otherwise.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`, and as `Worker` does.
 * @example
 * ```ts
 * const api = durableApi({ store, functions: { greet } });
 * await api.start();
 * const server = await serveApi(api, { port: 8080 });
 * ```
 */
export function durableApi(options: DurableApiOptions): DurableApi {
  requireNames("durableApi", options, NAMES);
  if (options.firstPage !== undefined)
    requireNames("durableApi", options.firstPage, FIRST_PAGE_NAMES, "firstPage");
  if (options.store === undefined) throw optionError("store is missing; pass an ExecutionStore");
  return new ApiServer(options);
}

class ApiServer implements DurableApi {
  readonly #options: DurableApiOptions;
  readonly #client: DurableClient;
  readonly #worker: Worker | undefined;
  readonly #report: (error: unknown) => void;
  /** Invocations that run here, by execution. */
  readonly #running = new Map<string, ServedInvocation>();
  /** The last checkpoints that have ended executions: their answers may have been lost. */
  readonly #endings = new Map<string, Answered>();

  constructor(options: DurableApiOptions) {
    const { store, functions, clock } = options;
    this.#options = options;
    this.#report = reporter(options.onError);
    this.#client = new DurableClient({ store, ...(clock === undefined ? {} : { clock }) });
    if (functions === undefined) return;
    const served = Object.entries(functions).map(([name, fn]) => [name, this.#served(fn)] as const);
    this.#worker = new Worker({
      store,
      functions: Object.fromEntries(served),
      onError: this.#report,
      ...(clock === undefined ? {} : { clock }),
      ...workerOptions(options),
    });
  }

  async start(): Promise<void> {
    await this.#worker?.start();
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
  }

  async fetch(request: Request): Promise<Response> {
    try {
      const { authorize = isFromNoPage } = this.#options;
      if ((await authorize(request)) !== true) {
        throw new ApiError("AccessDeniedException", "the request is not authorized");
      }
      return await this.#answer(request);
    } catch (thrown) {
      const error = apiErrorOf(thrown);
      if (error.status < 500) return errorResponse(error);
      const requestId = randomUUID();
      // Who has gone gets no answer, and nothing is wrong.
      if (thrown !== request.signal.reason) this.#report(reported(error, request, requestId));
      return errorResponse(hidden(error, requestId), requestId);
    }
  }

  #answer(request: Request): Promise<Response> {
    const { call, subject, query } = pathOf(request);
    switch (call) {
      case "Invoke":
        return this.#invoke(subject, query, request);
      case "CheckpointDurableExecution":
        return this.#checkpoint(subject, request);
      case "GetDurableExecutionState":
        return this.#invocation(subject).state(query).then(answer);
      case "GetDurableExecution":
        return this.#describe(subject, query).then(answer);
      case "GetDurableExecutionHistory":
        return this.#history(subject, query).then(answer);
      case "ListDurableExecutionsByFunction":
        return this.#list(subject, query).then(answer);
      case "StopDurableExecution":
        return this.#stop(subject, request).then(answer);
      default:
        return this.#callback(call, subject, request).then(answer);
    }
  }

  /** The function as the worker runs it: each invocation can be found while it runs. */
  #served(fn: FunctionToRun): FunctionToRun {
    // Ours speaks to the session directly, as in any worker.
    if (typeof fn !== "function" || Object.hasOwn(fn, READS_STAND_INS)) return fn;
    const run: DurableHandler = async (event, context) => {
      const { store, firstPage } = this.#options;
      const executionId = executionIdOf(event.DurableExecutionArn);
      const invocation = new ServedInvocation({
        event: event as DurableExecutionInvocationInputWithClient,
        firstPage: { items: firstPage?.items ?? 1000, bytes: firstPage?.bytes ?? MAX_PAGE_BYTES },
        functionNameOf: (name) => functionNameOf(store, name),
      });
      this.#running.set(executionId, invocation);
      try {
        return invocation.checked(await Promise.race([fn(invocation.input(), context), invocation.ended]));
      } finally {
        invocation.close();
        // A newer one may have taken its place.
        if (this.#running.get(executionId) === invocation) this.#running.delete(executionId);
        if (invocation.ending !== undefined) this.#remember(executionId, invocation.ending);
      }
    };
    return run;
  }

  #remember(executionId: string, ending: Answered): void {
    this.#endings.set(executionId, ending);
    for (const oldest of this.#endings.keys()) {
      if (this.#endings.size <= MAX_ENDINGS) return;
      this.#endings.delete(oldest);
    }
  }

  #invocation(arn: string): ServedInvocation {
    const invocation = this.#running.get(executionIdOf(arn));
    if (invocation === undefined) throw invalidToken();
    return invocation;
  }

  async #checkpoint(arn: string, request: Request): Promise<Response> {
    const asked = (await jsonIn(request)) as CheckpointRequest;
    const ending = this.#endings.get(executionIdOf(arn));
    const response = isRepeated(ending, asked)
      ? await ending.answer
      : await this.#invocation(arn).checkpoint(asked);
    if (response.CheckpointToken === undefined) await this.#whenEnded(executionIdOf(arn));
    return answer(response);
  }

  /** Durable before visible (invariant 1): the answer to the checkpoint that ends an execution follows its end. */
  async #whenEnded(executionId: string): Promise<void> {
    await this.#client.result(executionId, { timeoutMs: ENDING_MS }).catch(() => {});
    const head = await this.#options.store.head(executionId);
    if (head === undefined || !isTerminal(head.status)) {
      throw new ApiError("ServiceException", `the end of execution ${executionId} could not be recorded yet`);
    }
  }

  async #invoke(name: string, query: URLSearchParams, request: Request): Promise<Response> {
    const { store, timeout, retention } = this.#options;
    const functionName = await functionNameOf(store, name);
    if (!(await isRegistered(store, functionName))) throw functionNotFound(name);
    return invoke({
      client: this.#client,
      store,
      functionName,
      qualifier: query.get("Qualifier"),
      request,
      timeout,
      retention,
    });
  }

  async #describe(arn: string, query: URLSearchParams): Promise<object> {
    const execution = await this.#client.describe(arn);
    const { executionArn, error } = execution;
    const hasData = query.get("IncludeExecutionData") !== "false";
    const { input, result } = hasData
      ? await payloadsOf(this.#options.store, executionIdOf(executionArn))
      : {};
    return {
      ...wireExecution(execution),
      Version: "$LATEST",
      ExecutionDataIncluded: hasData,
      ...(input === undefined ? {} : { InputPayload: input }),
      ...(result === undefined ? {} : { Result: result }),
      ...(error === undefined ? {} : { Error: wireError(error) }),
    };
  }

  async #history(arn: string, query: URLSearchParams): Promise<object> {
    const hasData = query.get("IncludeExecutionData") !== "false";
    const isReversed = query.get("ReverseOrder") === "true";
    const items = itemsOf(query.get("MaxItems"));
    const list = isReversed ? "reversed" : "history";
    // By the id of an event, and not by its place: the history may have grown.
    const after = readMarker(list, query.get("Marker"));
    const events = await this.#client.history(arn, {
      payloads: hasData,
      newestFirst: isReversed,
      // One more than the page has, to know whether there is another page.
      limit: items + 1,
      ...(after === undefined ? {} : { afterEventId: after }),
    });
    const exactId = executionIdOf(arn);
    const { executionId: id } = parseExecutionId(exactId);
    const name = (await this.#options.store.head(exactId))?.name ?? id;
    const shown = events.map((event) => wireEvent(event, { id, name, hasData }));
    const { page, next } = pageOf(shown, 0, { items, bytes: MAX_PAGE_BYTES });
    const last = (events[page.length - 1] as HistoryEvent | undefined)?.EventId ?? 0;
    return { Events: page, ...(next === undefined ? {} : { NextMarker: marker(list, last) }) };
  }

  async #list(name: string, query: URLSearchParams): Promise<object> {
    const functionName = await functionNameOf(this.#options.store, name);
    if (!isFunctionName(functionName)) throw functionNotFound(name);
    return listExecutions(this.#client, functionName, query);
  }

  async #stop(arn: string, request: Request): Promise<object> {
    await this.#client.stop(arn, await errorIn(request));
    // Stopping what has ended changes nothing.
    const { endedAt } = await this.#client.describe(arn);
    return { StopTimestamp: endedAt };
  }

  async #callback(call: string, callbackId: string, request: Request): Promise<object> {
    const text = await request.text();
    if (call === "SendDurableExecutionCallbackSuccess") {
      await this.#client.sendCallbackSuccess(callbackId, text === "" ? undefined : text);
    } else if (call === "SendDurableExecutionCallbackHeartbeat") {
      await this.#client.sendCallbackHeartbeat(callbackId);
    } else {
      await this.#client.sendCallbackFailure(callbackId, await errorIn(new Response(text)));
    }
    return {};
  }
}

/**
 * Any page that somebody opens in a browser may send requests to this machine, and browsers say so. No SDK of AWS
 * outside of a browser does. Source: Fetch standard, "Origin" header.
 */
function isFromNoPage({ headers }: Request): boolean {
  return !headers.has("origin");
}

/** Options that are the worker's own, if they are given. */
function workerOptions(options: DurableApiOptions): Partial<WorkerOptions> {
  const { concurrency, leaseMs, maxBarrenInvocations, drainMs, onThrown } = options;
  const given = Object.entries({ concurrency, leaseMs, maxBarrenInvocations, drainMs, onThrown });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

function answer(body: object): Response {
  return Response.json(withSeconds(body));
}
