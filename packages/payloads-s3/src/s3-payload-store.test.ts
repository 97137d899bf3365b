import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { HeadObjectCommand } from "@aws-sdk/client-s3";
import { collectPayloads, deflateCodec, MemoryStore, Payloads, payloadPrefix } from "@tidemark/store";
import { type S3Engine, startS3 } from "../../../testing/engines/s3";
import { S3PayloadStore } from "./s3-payload-store.js";

const BUCKET = "payloads";
const KEY = `${payloadPrefix("main.order-1")}${"h".repeat(43)}`;
const BYTES = Buffer.from([0, 1, 2, 253, 254, 255]);

let engine: S3Engine;

beforeAll(async () => {
  engine = await startS3([BUCKET]);
});

afterAll(() => engine.stop());

let prefixes = 0;

/** A store under a prefix of its own. */
function open(options: Partial<ConstructorParameters<typeof S3PayloadStore>[0]> = {}): S3PayloadStore {
  prefixes += 1;
  return new S3PayloadStore({
    bucket: BUCKET,
    prefix: `test-${prefixes}/`,
    client: engine.client(),
    ...options,
  });
}

async function keysOf(store: S3PayloadStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

describe("S3PayloadStore", () => {
  it.each([
    [{ bucket: "" }, /bucket is ""/],
    [{ bucket: undefined as never }, /pass the name of a bucket/],
    [{ bucket: "b", prefix: "x".repeat(257) }, /at most 256 characters/],
    [{ bucket: "b", retryTimeoutMs: -1 }, /retryTimeoutMs is -1; use 0 or more milliseconds/],
  ])("refuses %j", (options, message) => {
    expect(() => new S3PayloadStore(options)).toThrow(
      expect.objectContaining({ code: "TIDEMARK_PAYLOAD_OPTIONS", message: expect.stringMatching(message) }),
    );
  });

  it("gives back the bytes, and nothing for a key that does not exist", async () => {
    const store = open();
    await store.put(KEY, BYTES, undefined);

    expect(Buffer.from((await store.get(KEY)) as Uint8Array)).toEqual(BYTES);
    expect(await store.get("nothing")).toBeUndefined();
  });

  it("keeps the summary beside the object, as ASCII, and leaves out one that is too long", async () => {
    const store = open({ prefix: "summaries/" });
    const summary = JSON.stringify({ type: "object", keys: ["größe", "日本"] });
    await store.put("short", BYTES, summary);
    await store.put("long", BYTES, JSON.stringify("x".repeat(2_000)));
    const head = async (key: string) =>
      engine.client().send(new HeadObjectCommand({ Bucket: BUCKET, Key: `summaries/${key}` }));

    expect(JSON.parse((await head("short")).Metadata?.["tidemark-summary"] as string)).toEqual(
      JSON.parse(summary),
    );
    expect((await head("long")).Metadata).toEqual({});
  });

  it("lists what is below a prefix, with sizes and times, and deletes it", async () => {
    const store = open();
    const keys = ["a/0", "a/1", "a/2"];
    for (const key of keys) await store.put(key, BYTES, undefined);
    await store.put("b/other", BYTES, undefined);

    expect(await keysOf(store, "a/")).toEqual(keys);
    for await (const { bytes, modifiedAtMs } of store.list("b/")) {
      expect(bytes).toBe(BYTES.length);
      expect(Math.abs(modifiedAtMs - Date.now())).toBeLessThan(60_000);
    }
    // Not all of them: the engine fails when it empties a directory twice at once.
    await store.delete(["a/0", "a/1", "never-existed"]);
    expect(await keysOf(store)).toEqual(["a/2", "b/other"]);
    await store.delete([]);
  });

  // The engine fails on lists of more than one page: its token needs a cipher that Node has removed.
  it("follows the pages of a list", async () => {
    const asked: (string | null)[] = [];
    const server = createServer((request, response) => {
      const token = new URL(request.url ?? "", "http://s3").searchParams.get("continuation-token");
      asked.push(token);
      const next = token === null ? "<NextContinuationToken>two</NextContinuationToken>" : "";
      const object = `<Contents><Key>p/${asked.length}</Key><Size>1</Size></Contents>`;
      response.setHeader("content-type", "application/xml");
      response.end(
        `<ListBucketResult>${object}<IsTruncated>${next !== ""}</IsTruncated>${next}</ListBucketResult>`,
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = engine.client({ endpoint: `http://127.0.0.1:${port}` });

    expect(await keysOf(open({ client, prefix: "p/" }))).toEqual(["1", "2"]);
    expect(asked).toEqual([null, "two"]);
    client.destroy();
    server.close();
  });

  it("says what to do when the bucket does not exist, at every call", async () => {
    const store = open({ bucket: "nobody-made-this" });
    const message = /NoSuchBucket: bucket nobody-made-this does not exist; create it/;

    await expect(store.put(KEY, BYTES, undefined)).rejects.toThrow(message);
    await expect(store.get(KEY)).rejects.toThrow(message);
    await expect(keysOf(store)).rejects.toThrow(message);
  });

  it("says what to do when its client has no region", async () => {
    const { AWS_REGION, AWS_CONFIG_FILE } = process.env;
    delete process.env.AWS_REGION;
    process.env.AWS_CONFIG_FILE = "/dev/null";
    try {
      const store = new S3PayloadStore({ bucket: BUCKET });
      await expect(store.get(KEY)).rejects.toThrow(
        "Error: the client has no region; set AWS_REGION, or pass clientConfig: { region }",
      );
      await store.close();
    } finally {
      Object.assign(process.env, { AWS_REGION, AWS_CONFIG_FILE });
      if (AWS_REGION === undefined) delete process.env.AWS_REGION;
      if (AWS_CONFIG_FILE === undefined) delete process.env.AWS_CONFIG_FILE;
    }
  });

  it("leaves a client that it was given alone, and destroys its own", async () => {
    const client = engine.client();
    const given = open({ client });
    await given.close();
    await given.put(KEY, BYTES, undefined);

    await new S3PayloadStore({ bucket: BUCKET, clientConfig: { region: "eu-west-1" } }).close();
  });
});

describe("Payloads in S3", () => {
  const text = JSON.stringify({ all: [{ status: "SUCCEEDED" }], completionReason: "ALL_COMPLETED" });

  it("come back, are found altered or gone, and are purged with their execution", async () => {
    const store = open();
    const payloads = new Payloads({ store, codecs: [deflateCodec()], inlineLimitBytes: 10 });
    const written = await payloads.write(text, "main.order-1");
    const other = await payloads.write(text, "main.order-10");
    const [key = ""] = await keysOf(store, payloadPrefix("main.order-1"));

    expect(await payloads.read(written)).toBe(text);
    const bytes = (await store.get(key)) as Uint8Array;
    await store.put(key, Buffer.from("altered"), undefined);
    await expect(payloads.read(written)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_ALTERED" });
    await store.put(key, bytes, undefined);
    expect(await payloads.read(written)).toBe(text);

    await payloads.purge("main.order-1");
    await expect(payloads.read(written)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_GONE" });
    expect(await payloads.read(other)).toBe(text);
  });

  it("are collected when nothing points at them", async () => {
    const objects = open();
    const store = new MemoryStore({ payloads: new Payloads({ store: objects, inlineLimitBytes: 0 }) });
    await store.payloads?.write("orphan", "gone");

    const collected = await collectPayloads({ store, nowMs: Date.now() + 5_000, minAgeMs: 1_000 });

    expect(collected).toMatchObject({ removed: 1, kept: 0 });
    expect(await keysOf(objects)).toEqual([]);
  });

  it("say that the credentials are of nobody", async () => {
    const store = open({
      client: engine.client({ credentials: { accessKeyId: "x", secretAccessKey: "y" } }),
    });
    const payloads = new Payloads({ store, inlineLimitBytes: 0 });

    await expect(payloads.write("text", "main.order-1")).rejects.toMatchObject({
      code: "TIDEMARK_PAYLOAD_STORE",
      message: expect.stringMatching(
        /^s3:.+ could not be written \(InvalidAccessKeyId: the credentials are missing, expired or not valid/,
      ),
    });
  });
});

it("says what a client of its own lacks", async () => {
  const { AWS_REGION, AWS_CONFIG_FILE } = process.env;
  delete process.env.AWS_REGION;
  process.env.AWS_CONFIG_FILE = "/dev/null";
  try {
    const store = new S3PayloadStore({ bucket: BUCKET });
    await expect(store.put(KEY, BYTES, undefined)).rejects.toMatchObject({
      code: "TIDEMARK_PAYLOAD_STORE",
      message: expect.stringContaining(
        "the client has no region; set AWS_REGION, or pass clientConfig: { region }",
      ),
    });
    await store.close();
  } finally {
    Object.assign(process.env, { AWS_REGION, AWS_CONFIG_FILE });
    if (AWS_REGION === undefined) delete process.env.AWS_REGION;
    if (AWS_CONFIG_FILE === undefined) delete process.env.AWS_CONFIG_FILE;
  }
});
