import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executionArn, TidemarkError } from "@tidemark/protocol";
import {
  createFileSystemSerdes,
  FileSystemPathEncoding,
  type FileSystemSerdesConfig,
  FileSystemSerdesMode,
} from "./file-system-serdes.js";
import { buildPreview, PreviewMode } from "./preview.js";
import type { SerdesContext } from "./serdes.js";

const LAMBDA_ARN =
  "arn:aws:lambda:eu-west-1:123456789012:function:checkout:$LATEST/durable-execution/order-1/a1b2";
const context: SerdesContext = { durableExecutionArn: LAMBDA_ARN, entityId: "1-2" };
const OVERFLOW: FileSystemSerdesConfig = { storageMode: FileSystemSerdesMode.OVERFLOW };

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "tidemark-serdes-"));
});

afterEach(() => {
  rmSync(base, { recursive: true });
});

/** The text of every file below the base path, by its path there. */
function files(): Record<string, string> {
  const names = (readdirSync(base, { recursive: true }) as string[]).sort();
  const isFile = (name: string): boolean => statSync(join(base, name)).isFile();
  return Object.fromEntries(
    names.filter(isFile).map((name) => [name, readFileSync(join(base, name), "utf8")]),
  );
}

async function rejection(run: () => unknown): Promise<{ code: string; message: string; cause: unknown }> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError);
    const { code, message, cause } = error as TidemarkError;
    return { code, message, cause };
  }
  throw new Error("nothing was thrown");
}

describe("createFileSystemSerdes in mode ALWAYS", () => {
  it.each<[unknown, string]>([
    [{ a: [1, { b: "é" }] }, '{"a":[1,{"b":"é"}]}'],
    [null, "null"],
    [0, "0"],
    ["", '""'],
  ])("keeps %j in a file and reads it back", async (value, text) => {
    const serdes = createFileSystemSerdes(base);
    const payload = await serdes.serialize(value, context);
    expect(payload).toBe(JSON.stringify({ file: join(base, "checkout/order-1/a1b2/1-2.json") }));
    expect(files()).toEqual({ "checkout/order-1/a1b2/1-2.json": text });
    expect(await createFileSystemSerdes(base).deserialize(payload, context)).toEqual(value);
  });

  it.each([undefined, () => 1, Symbol("s")])("writes no file and no payload for %p", async (value) => {
    const serdes = createFileSystemSerdes(base);
    expect(await serdes.serialize(value, context)).toBeUndefined();
    expect(await serdes.deserialize(undefined, context)).toBeUndefined();
    expect(files()).toEqual({});
  });

  it("replaces the file when a value is written again, and leaves nothing else behind", async () => {
    const serdes = createFileSystemSerdes(base);
    const first = await serdes.serialize({ long: "x".repeat(10_000) }, context);
    const second = await serdes.serialize({ n: 2 }, context);
    expect(second).toBe(first);
    expect(files()).toEqual({ "checkout/order-1/a1b2/1-2.json": '{"n":2}' });
  });

  it("leaves a whole file when one value is written many times at once", async () => {
    const serdes = createFileSystemSerdes(base);
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => serdes.serialize(String(index).repeat(50_000), context)),
    );
    const text = files()["checkout/order-1/a1b2/1-2.json"] as string;
    expect(Object.keys(files())).toEqual(["checkout/order-1/a1b2/1-2.json"]);
    expect(text).toMatch(/^"(\d{1,2})\1+"$/);
    expect([50_002, 100_002]).toContain(text.length);
  });

  it("reads a pointer that was written under another base path", async () => {
    const payload = await createFileSystemSerdes(join(base, "old")).serialize(7, context);
    expect(await createFileSystemSerdes(join(base, "new")).deserialize(payload, context)).toBe(7);
  });
});

describe("createFileSystemSerdes in mode OVERFLOW", () => {
  it.each<[unknown, string]>([
    [{ a: 1 }, '{"data":"{\\"a\\":1}"}'],
    [null, '{"data":"null"}'],
    ["é", '{"data":"\\"é\\""}'],
  ])("keeps %j in the payload and reads it back", async (value, payload) => {
    const generatePreview = jest.fn();
    const serdes = createFileSystemSerdes(base, { ...OVERFLOW, generatePreview });
    expect(await serdes.serialize(value, context)).toBe(payload);
    expect(await serdes.deserialize(payload, context)).toEqual(value);
    expect(files()).toEqual({});
    expect(generatePreview).not.toHaveBeenCalled();
  });

  // The payload {"data":"\"…\""} has 15 bytes around the text; the limit is 255 * 1024 = 261120.
  it.each<[string, string, number]>([
    ["ASCII", "x", 261_105],
    ["two bytes each", "é", 130_552],
    ["a quote, escaped twice", '"', 65_276],
    ["a new line, escaped twice", "\n", 87_035],
  ])("overflows to a file above 255 KB of payload: %s", async (_case, character, fitting) => {
    const serdes = createFileSystemSerdes(base, OVERFLOW);
    const inline = (await serdes.serialize(character.repeat(fitting), context)) as string;
    expect(inline.startsWith('{"data":')).toBe(true);
    expect(Buffer.byteLength(inline)).toBeLessThanOrEqual(255 * 1024);
    expect(files()).toEqual({});
    const value = character.repeat(fitting + 1);
    const pointer = await serdes.serialize(value, context);
    expect(pointer).toBe(JSON.stringify({ file: join(base, "checkout/order-1/a1b2/1-2.json") }));
    expect(files()).toEqual({ "checkout/order-1/a1b2/1-2.json": JSON.stringify(value) });
    expect(await serdes.deserialize(pointer, context)).toBe(value);
  });

  it("reads what mode ALWAYS wrote, and the reverse", async () => {
    const always = createFileSystemSerdes(base);
    const overflow = createFileSystemSerdes(base, OVERFLOW);
    expect(await overflow.deserialize(await always.serialize([1], context), context)).toEqual([1]);
    expect(await always.deserialize(await overflow.serialize([2], context), context)).toEqual([2]);
  });
});

describe("the path of a file", () => {
  it.each<[string, string, string, string]>([
    ["a Lambda execution", LAMBDA_ARN, "1", "checkout/order-1/a1b2/1.json"],
    [
      "a Tidemark execution",
      executionArn("checkout", "checkout.order-1"),
      "3-1-2",
      "checkout/checkout.order-1/checkout.order-1/3-1-2.json",
    ],
    ["a chained Tidemark execution", executionArn("pay", "a.b~3-1"), "1", "pay/a.b~3-1/a.b~3-1/1.json"],
    ["an id that is no file name", LAMBDA_ARN, "a/../b é", "checkout/order-1/a1b2/a%2F..%2Fb%20%C3%A9.json"],
    ["an ARN of another shape", "arn:aws:sqs:x/y", "1", "arn%3Aaws%3Asqs%3Ax%2Fy/1.json"],
    ["a plain id", "run-1", "1", "run-1/1.json"],
    [
      "a function name that leads out",
      executionArn("..", "a"),
      "1",
      "arn%3Atidemark%3Adurable%3Alocal%3A0%3Afunction%3A..%2Fdurable-execution%2Fa%2Fa/1.json",
    ],
    [
      "an execution id that leads out",
      executionArn("f", ".."),
      "1",
      "arn%3Atidemark%3Adurable%3Alocal%3A0%3Afunction%3Af%2Fdurable-execution%2F..%2F../1.json",
    ],
    [
      "a name with a backslash",
      executionArn("f", "..\\.."),
      "1",
      "arn%3Atidemark%3Adurable%3Alocal%3A0%3Afunction%3Af%2Fdurable-execution%2F..%5C..%2F..%5C../1.json",
    ],
  ])("encoded as URI, of %s", async (_case, durableExecutionArn, entityId, path) => {
    const serdes = createFileSystemSerdes(base);
    const payload = await serdes.serialize(1, { durableExecutionArn, entityId });
    expect(payload).toBe(JSON.stringify({ file: join(base, path) }));
    expect(files()).toEqual({ [path]: "1" });
  });

  it("encoded as HASH, is made of SHA-256 digests", async () => {
    const serdes = createFileSystemSerdes(`${base}/`, { pathEncoding: FileSystemPathEncoding.HASH });
    const payload = await serdes.serialize(1, { durableExecutionArn: "arn", entityId: "../1" });
    const path =
      "42e7ab5b52beca9d20fbc05fa6b72c0a48755ada50d340472ab6f1832cbf42ac/9a6ac8d5fea931ad8633107f8a7d1a9a8caafb080f60273a3642035e6db324aa.json";
    expect(files()).toEqual({ [path]: "1" });
    expect(payload).toBe(JSON.stringify({ file: join(base, path) }));
  });
});

describe("the preview", () => {
  it("stands beside the pointer", async () => {
    const serdes = createFileSystemSerdes(base, {
      generatePreview: (value) =>
        buildPreview(value, {
          mode: PreviewMode.EXCLUDE_ALL,
          include: [{ name: "id" }],
          mask: [{ name: "email" }],
        }),
    });
    const value = { id: 5, user: { email: "a@b", name: "Ann" } };
    const payload = await serdes.serialize(value, context);
    expect(payload).toBe(
      JSON.stringify({
        file: join(base, "checkout/order-1/a1b2/1-2.json"),
        preview: { id: 5, user: { email: "***" } },
      }),
    );
    expect(await serdes.deserialize(payload, context)).toEqual(value);
  });

  it.each<[unknown, string]>([
    [undefined, ""],
    [null, ""],
    [{}, ',"preview":{}'],
    ["text", ',"preview":"text"'],
  ])("of %j", async (preview, text) => {
    const serdes = createFileSystemSerdes(base, {
      generatePreview: () => preview as Record<string, unknown>,
    });
    const file = JSON.stringify(join(base, "checkout/order-1/a1b2/1-2.json"));
    expect(await serdes.serialize(1, context)).toBe(`{"file":${file}${text}}`);
  });

  it("that throws fails the value before anything is written", async () => {
    const cause = new Error("no id");
    const generatePreview = () => {
      throw cause;
    };
    expect(
      await rejection(() => createFileSystemSerdes(base, { generatePreview }).serialize(1, context)),
    ).toEqual({
      code: "TIDEMARK_FILE_SERDES",
      message:
        "generatePreview of createFileSystemSerdes threw (no id): return undefined where there is nothing to show",
      cause,
    });
    expect(files()).toEqual({});
  });

  it("that JSON cannot carry fails the value before anything is written", async () => {
    const serdes = createFileSystemSerdes(base, { generatePreview: () => ({ total: 5n }) });
    expect(await rejection(() => serdes.serialize(1, context))).toMatchObject({
      code: "TIDEMARK_SERIALIZE",
      message: expect.stringContaining("value.preview.total is a BigInt"),
    });
    expect(files()).toEqual({});
  });
});

describe("createFileSystemSerdes refuses", () => {
  it.each<[unknown, unknown, string]>([
    ["", {}, 'basePath of createFileSystemSerdes is "": give the directory of a shared file system'],
    [" ", {}, 'basePath of createFileSystemSerdes is " ": give the directory of a shared file system'],
    [
      undefined,
      {},
      "basePath of createFileSystemSerdes is undefined: give the directory of a shared file system",
    ],
    [
      "/mnt",
      { storageMode: "SOMETIMES" },
      'storageMode of createFileSystemSerdes is "SOMETIMES": give ALWAYS or OVERFLOW',
    ],
    [
      "/mnt",
      { pathEncoding: "BASE64" },
      'pathEncoding of createFileSystemSerdes is "BASE64": give URI or HASH',
    ],
  ])("the arguments %j, %j at once", async (path, config, message) => {
    const make = () => createFileSystemSerdes(path as string, config as FileSystemSerdesConfig);
    expect(await rejection(make)).toMatchObject({ code: "TIDEMARK_FILE_SERDES", message });
  });

  it("a value that JSON cannot carry", async () => {
    expect(await rejection(() => createFileSystemSerdes(base).serialize({ n: 1n }, context))).toMatchObject({
      code: "TIDEMARK_SERIALIZE",
    });
    expect(files()).toEqual({});
  });

  it("to go on when the directory cannot be made, and leaves nothing behind", async () => {
    writeFileSync(join(base, "checkout"), "a file where the directory should be");
    const { code, message, cause } = await rejection(() =>
      createFileSystemSerdes(base).serialize(1, context),
    );
    expect({ code, cause: (cause as { code: string }).code }).toEqual({
      code: "TIDEMARK_FILE_SERDES",
      cause: "ENOTDIR",
    });
    expect(message).toBe(
      `file ${join(base, "checkout/order-1/a1b2/1-2.json")} cannot be written (${(cause as Error).message}): check that basePath of createFileSystemSerdes is mounted, writable and not full`,
    );
    expect(Object.keys(files())).toEqual(["checkout"]);
  });

  it("a pointer to a file that is missing, and says what to check", async () => {
    const payload = JSON.stringify({ file: join(base, "gone.json") });
    const { code, message, cause } = await rejection(() =>
      createFileSystemSerdes(base).deserialize(payload, context),
    );
    expect({ code, cause: (cause as { code: string }).code }).toEqual({
      code: "TIDEMARK_FILE_SERDES",
      cause: "ENOENT",
    });
    expect(message).toBe(
      `file ${join(base, "gone.json")} with the value of entity 1-2 of ${LAMBDA_ARN} is missing (${(cause as Error).message}): check that this process mounts the file system on which it was written, that it is not a local one such as /tmp, and that nothing deletes files of executions that still run`,
    );
  });

  it("a pointer to something that cannot be read", async () => {
    const payload = JSON.stringify({ file: base });
    expect(await rejection(() => createFileSystemSerdes(base).deserialize(payload, context))).toMatchObject({
      code: "TIDEMARK_FILE_SERDES",
      message: expect.stringContaining(
        `file ${base} with the value of entity 1-2 of ${LAMBDA_ARN} cannot be read (EISDIR`,
      ),
    });
  });

  it.each(["", "{", '{"a":'])("a file that is damaged: %j", async (text) => {
    const serdes = createFileSystemSerdes(base);
    const payload = await serdes.serialize({ a: 1 }, context);
    const file = join(base, "checkout/order-1/a1b2/1-2.json");
    writeFileSync(file, text);
    const { code, message } = await rejection(() => serdes.deserialize(payload, context));
    expect(code).toBe("TIDEMARK_FILE_SERDES");
    expect(message).toMatch(
      `file ${file} with the value of entity 1-2 of ${LAMBDA_ARN} is damaged: it is not JSON (`,
    );
  });

  it("inline data that is damaged", async () => {
    expect(
      await rejection(() => createFileSystemSerdes(base).deserialize('{"data":"{"}', context)),
    ).toMatchObject({
      code: "TIDEMARK_FILE_SERDES",
      message: expect.stringMatching(/^the payload of entity 1-2 of arn:.* is damaged: it is not JSON \(/),
    });
  });

  it.each(["", "{", "5", "null", '"text"', "[]", "{}", '{"a":1}', '{"data":1}', '{"file":5}'])(
    "a payload of another serdes: %s",
    async (payload) => {
      expect(await rejection(() => createFileSystemSerdes(base).deserialize(payload, context))).toMatchObject(
        {
          code: "TIDEMARK_FILE_SERDES",
          message: `the payload of entity 1-2 of ${LAMBDA_ARN} was not written by createFileSystemSerdes: it is neither {"data":…} nor {"file":…}; give the operation the serdes that wrote it`,
        },
      );
    },
  );
});
