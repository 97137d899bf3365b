import { MAX_INLINE_PAYLOAD_BYTES, parseStandIn } from "@tidemark/protocol";
import {
  aesGcmCodec,
  deflateCodec,
  localDataKeys,
  type PayloadCodec,
  wrappedDataKeys,
} from "./payload-codecs.js";
import { MemoryPayloadStore } from "./payload-store.js";
import { Payloads, payloadPrefix } from "./payloads.js";

const KEY = Buffer.alloc(32, 1);
const keys = localDataKeys({ current: "new", keys: { old: Buffer.alloc(32, 2), new: KEY } });

function memory(): MemoryPayloadStore {
  return new MemoryPayloadStore({ nowMs: () => 0 });
}

async function keysOf(store: MemoryPayloadStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list("")) found.push(key);
  return found;
}

describe("Payloads", () => {
  it.each([-1, 1.5, Number.NaN, MAX_INLINE_PAYLOAD_BYTES + 1, "64 KB"])(
    "refuses the limit %p",
    (inlineLimitBytes) => {
      expect(() => new Payloads({ inlineLimitBytes: inlineLimitBytes as number })).toThrow(
        expect.objectContaining({ code: "TIDEMARK_PAYLOAD_OPTIONS" }),
      );
    },
  );

  it("refuses two codecs of one name", () => {
    expect(() => new Payloads({ codecs: [deflateCodec(), deflateCodec()] })).toThrow(/same name/);
  });

  it("counts bytes of UTF-8, and keeps what is exactly as large as the limit", async () => {
    const store = memory();
    const payloads = new Payloads({ store, inlineLimitBytes: 6 });

    expect(payloads.write("€€", "e")).toBe("€€");
    expect(await payloads.write("€€.", "e")).toMatch(/^tidemark-payload:1:/);
  });

  it("keeps everything in the log without a payload store", () => {
    const text = "x".repeat(MAX_INLINE_PAYLOAD_BYTES + 1);

    expect(new Payloads().write(text, "e")).toBe(text);
  });

  it("gives the same text the same key, below the root of the tree of executions", async () => {
    const store = memory();
    const payloads = new Payloads({ store, inlineLimitBytes: 0 });

    const written = [await payloads.write("a", "root/1"), await payloads.write("a", "root/1~2")];

    expect(written[0]).toBe(written[1]);
    const [key, ...others] = await keysOf(store);
    expect(others).toEqual([]);
    expect(key?.startsWith(payloadPrefix("root/1~2~3"))).toBe(true);
    expect(payloadPrefix("root/1")).not.toBe(payloadPrefix("root/10"));
  });

  it("says what a payload is, and of an encrypted one nothing that its user chose", async () => {
    const value = JSON.stringify({ secretName: 1 });
    const open = new Payloads({ store: memory(), inlineLimitBytes: 0 });
    const secret = new Payloads({ store: memory(), inlineLimitBytes: 0, codecs: [aesGcmCodec(keys)] });

    expect(parseStandIn(await open.write(value, "e"))).toMatchObject({
      pointer: { summary: { type: "object", keys: ["secretName"] } },
    });
    expect(await secret.write(value, "e")).not.toContain("secretName");
  });

  it("keeps what the code says of a payload, up to 500 characters, unless payloads are encrypted", async () => {
    const words = "w".repeat(600);
    const summaryOf = async (codecs: PayloadCodec[], text: string, said?: string) => {
      const payloads = new Payloads({ store: memory(), inlineLimitBytes: 0, codecs });
      const standIn = parseStandIn(await payloads.write(text, "e", { words: said }));
      return standIn.kind === "pointer" ? standIn.pointer.summary : standIn;
    };
    const batch = {
      totalCount: 300,
      successCount: 300,
      failureCount: 0,
      startedCount: 0,
      completionReason: "ALL_COMPLETED",
      itemStatuses: "S".repeat(300),
    };
    const text = JSON.stringify({ type: "MapResult", status: "SUCCEEDED", ...batch, summary: words });
    const short = { ...batch, type: "batch", itemStatuses: "S".repeat(200) };
    const secret = [aesGcmCodec(keys)];

    expect(await summaryOf([deflateCodec()], '"text"', words)).toEqual({
      type: "string",
      words: "w".repeat(500),
    });
    expect(await summaryOf(secret, '"text"', words)).toEqual({ type: "string" });
    expect(await summaryOf([], text)).toEqual({ ...short, words: "w".repeat(500) });
    expect(await summaryOf(secret, text)).toEqual(short);
  });

  it.each(["rebuilt", "", null, 1])("refuses contextResults %p", (contextResults) => {
    expect(() => new Payloads({ contextResults: contextResults as "store" })).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_PAYLOAD_OPTIONS",
        message: expect.stringMatching(/contextResults is .*; use "store" or "rebuild"/),
      }),
    );
  });

  it("reads with the codecs that are named in the payload, whatever is configured for writing now", async () => {
    const store = memory();
    const before = new Payloads({ store, inlineLimitBytes: 3, codecs: [deflateCodec()] });
    const now = new Payloads({ store, inlineLimitBytes: 3, codecs: [aesGcmCodec(keys), deflateCodec()] });
    const none = new Payloads({ store });
    const written = await before.write("a long text", "e");

    expect(await now.read(written)).toBe("a long text");
    await expect(none.read(written)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_CODEC" });
    await expect(new Payloads().read(written)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_STORE" });
  });

  it("refuses a newer and a damaged stand-in", () => {
    expect(() => new Payloads().read("tidemark-payload:2:{}")).toThrow(/newer format/);
    expect(() => new Payloads().read("tidemark-payload:1:{")).toThrow(/damaged/);
  });

  it("keeps the type of an error readable, and gives the whole error back", async () => {
    const payloads = new Payloads({ codecs: [aesGcmCodec(keys)] });
    const error = { ErrorType: "Refused", ErrorMessage: "secret", StackTrace: ["at secret"] };

    const written = await payloads.writeError(error, "e");

    expect(written.ErrorType).toBe("Refused");
    expect(JSON.stringify(written)).not.toContain("secret");
    expect(await payloads.readError(written)).toEqual(error);
  });
});

describe("aesGcmCodec", () => {
  const codec = aesGcmCodec(keys);

  it("encrypts the same bytes differently each time, and finds the key by its reference", async () => {
    const [a, b] = [await codec.encode(Buffer.from("text")), await codec.encode(Buffer.from("text"))];

    expect(Buffer.compare(a, b)).not.toBe(0);
    expect(Buffer.from(await codec.decode(a)).toString()).toBe("text");
    const old = localDataKeys({ current: "old", keys: { old: Buffer.alloc(32, 2) } });
    const older = await aesGcmCodec(old).encode(Buffer.from("older"));
    expect(Buffer.from(await codec.decode(older)).toString()).toBe("older");
  });

  it.each([0, 3, 10, 25, 40])("refuses what was altered at byte %i", async (at) => {
    const altered = Buffer.from(await codec.encode(Buffer.from("a text of some length")));
    altered[at] = (altered[at] as number) ^ 1;

    await expect((async () => codec.decode(altered))()).rejects.toThrow();
  });

  it("refuses what was cut, also when a part of the tag is left", async () => {
    const empty = await codec.encode(Buffer.alloc(0));

    await expect((async () => codec.decode(empty.subarray(0, -12)))()).rejects.toThrow();
  });

  it("says which key is missing, and which size a key must have", async () => {
    const other = aesGcmCodec(localDataKeys({ current: "b", keys: { b: KEY } }));
    const made = await codec.encode(Buffer.from("text"));

    await expect((async () => other.decode(made))()).rejects.toThrow(/no data key "new" \(known: b\)/);
    expect(() => localDataKeys({ current: "a", keys: { a: Buffer.alloc(16) } })).toThrow(/16 bytes/);
  });
});

describe("wrappedDataKeys", () => {
  it("asks the service once for many payloads, and again after a failure", async () => {
    let generated = 0;
    let decrypted = 0;
    let isDown = true;
    const wrapped = wrappedDataKeys({
      generate: async () => {
        if (isDown) throw new Error("throttled");
        generated += 1;
        return { plain: KEY, encrypted: Buffer.from(`encrypted ${generated}`) };
      },
      decrypt: async () => {
        decrypted += 1;
        return KEY;
      },
    });
    const codec = aesGcmCodec(wrapped);
    await expect((async () => codec.encode(Buffer.from("a")))()).rejects.toThrow("throttled");
    isDown = false;

    const made = await Promise.all(["a", "b", "c"].map(async (text) => codec.encode(Buffer.from(text))));
    const read = await Promise.all(
      made.map(async (bytes) => Buffer.from(await codec.decode(bytes)).toString()),
    );

    expect(read).toEqual(["a", "b", "c"]);
    expect([generated, decrypted]).toEqual([1, 1]);
  });
});

describe("MemoryPayloadStore", () => {
  it("keeps what it was given, whatever becomes of the bytes outside", async () => {
    const store = memory();
    const given = Buffer.from("given");
    await store.put("key", given);
    given.fill(0);
    const taken = (await store.get("key")) as Uint8Array;
    expect(Buffer.from(taken).toString()).toBe("given");
    taken.fill(0);
    expect(Buffer.from((await store.get("key")) as Uint8Array).toString()).toBe("given");
  });
});
