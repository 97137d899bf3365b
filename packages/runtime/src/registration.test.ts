import { withDurableExecution as withAws } from "@aws/durable-execution-sdk-js";
import { withDurableExecution } from "@tidemark/sdk";
import { registeredFunction } from "./registration";

const wrapped = withDurableExecution(async () => 1);
const bound = wrapped.bind(undefined);
const work = async (..._values: unknown[]): Promise<unknown> => undefined;
const loose = (fn: unknown): never => fn as never;

describe("a handler is refused when it is registered without having been wrapped", () => {
  const unwrapped = "functions.order is not wrapped";
  it.each<[string, unknown, string]>([
    [
      "that takes nothing",
      async () => 1,
      `${unwrapped}: a wrapped handler takes an event and a context, and this one takes nothing`,
    ],
    [
      "that takes an event alone",
      async (event: object) => event,
      `${unwrapped}: a wrapped handler takes an event and a context, and this one takes one of them`,
    ],
    [
      "that takes an event apart",
      async ({ id }: { id: string }) => id,
      "this one takes one of them; wrap it with withDurableExecution, or register a plain function as { handler, durable: false }",
    ],
    [
      "that is a function",
      loose(async function order(event: object) {
        return event;
      }),
      "this one takes one of them",
    ],
    [
      "that uses its context",
      async (_event: object, context: { step: typeof work }) => context.step("s", work),
      `${unwrapped}, and calls step of its context, which a function that is not wrapped does not get; wrap it`,
    ],
    [
      "that is a function and uses it",
      loose(async function order(_event: object, $c: { wait: typeof work }) {
        await $c.wait({});
      }),
      "calls wait of its context",
    ],
    [
      "whose branches use it",
      (_event: object, ctx: { map: typeof work }) => [1].map(() => ctx.map([], work)),
      "calls map of its context",
    ],
    [
      "that is a method",
      {
        async order(_event: object, context: { invoke: typeof work }) {
          return context.invoke("f");
        },
      }.order,
      "calls invoke of its context",
    ],
  ])("%s", (_name, handler, message) => {
    expect(() => registeredFunction("order", loose(handler))).toThrow(
      expect.objectContaining({ code: "TIDEMARK_HANDLER", message: expect.stringContaining(message) }),
    );
  });

  it("and so is a wrapped one that is registered as a plain function", () => {
    expect(() => registeredFunction("order", { handler: wrapped as never, durable: false })).toThrow(
      "functions.order is a plain function as { handler }, and its handler is wrapped; pass the handler itself",
    );
  });
});

describe("a handler is taken", () => {
  it.each<[string, unknown]>([
    ["of ours", wrapped],
    ["of AWS's", withAws(async () => 1)],
    ["around a wrapped one", (event: never, context: never) => wrapped(event, context)],
    [
      "around one, with what it adds",
      async (event: never, context: { step?: unknown }) => [
        context.step,
        await wrapped(event, context as never),
      ],
    ],
    [
      "around one, whatever its parameters",
      (...parameters: Parameters<typeof wrapped>) => wrapped(...parameters),
    ],
    ["around one, with a default", (event: never, context = {}) => wrapped(event, context as never)],
    [
      "around one, by arguments",
      loose(function around() {
        // biome-ignore lint/complexity/noArguments: as older code does.
        return wrapped(...(arguments as unknown as Parameters<typeof wrapped>));
      }),
    ],
    ["that is bound", bound],
    ["that is a mock of one", jest.fn(wrapped)],
    [
      "that hands its context on, so that nobody can tell",
      (event: object, context: object) => work(event, context),
    ],
  ])("%s", (_name, handler) => {
    expect(registeredFunction("order", loose(handler))).toEqual({ durable: true, handler });
  });

  it("that is plain, as a plain one", () => {
    expect(registeredFunction("order", { handler: work, durable: false })).toEqual({
      durable: false,
      handler: work,
    });
  });
});
