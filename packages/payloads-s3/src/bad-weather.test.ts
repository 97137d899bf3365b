/** What the store does when S3 is slow, refuses for a while, or refuses for good, in the words of AWS. */

import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { MemoryStore, Payloads, payloadPrefix } from "@tidemark/store";
import { type Answer, type Network, type NetworkFault, startNetwork } from "../../../testing/engines/network";
import { type S3Engine, startS3 } from "../../../testing/engines/s3";
import { S3PayloadStore, type S3PayloadStoreOptions } from "./s3-payload-store.js";

const BUCKET = "payloads";
const KEY = `${payloadPrefix("main.order-1")}${"h".repeat(43)}`;
const BYTES = Buffer.alloc(300_000, 7);

let engine: S3Engine;
let network: Network;
const stores: S3PayloadStore[] = [];

beforeAll(async () => {
  engine = await startS3([BUCKET]);
  network = await startNetwork(engine.endpoint);
});
afterEach(async () => {
  network.decide = () => undefined;
  for (const store of stores.splice(0)) await store.close();
});
afterAll(async () => {
  await network.stop();
  await engine.stop();
});

/** A store behind the network, with a client that makes so many attempts itself. */
function open(maxAttempts = 1, options: Partial<S3PayloadStoreOptions> = {}): S3PayloadStore {
  const client = engine.client({ endpoint: network.endpoint, maxAttempts });
  const store = new S3PayloadStore({ bucket: BUCKET, client, ...options });
  stores.push(store);
  return store;
}

/** The next requests have this fault; gives how many there were. */
function failNext(times: number, fault: NetworkFault): { count: number } {
  const seen = { count: 0 };
  network.decide = () => (++seen.count <= times ? fault : undefined);
  return seen;
}

function xml(status: number, code: string, more = "", headers: Record<string, string> = {}): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code>${more}<RequestId>4442587FB7D0A2F9</RequestId><HostId>x</HostId></Error>`;
  return { status, headers: { "content-type": "application/xml", ...headers }, body: Buffer.from(body) };
}

function refusal(answer: Answer): NetworkFault {
  return { kind: "answer", hasLanded: false, answer };
}

const SLOW_DOWN = xml(503, "SlowDown", "<Message>Please reduce your request rate.</Message>");
const INTERNAL = xml(500, "InternalError", "<Message>We encountered an internal error.</Message>");
const OF_A_BALANCER: Answer = { status: 502, headers: {}, body: Buffer.from("<html>Bad Gateway</html>") };

describe("what passes is asked for again", () => {
  const faults: [string, NetworkFault][] = [
    ["a throttle", refusal(SLOW_DOWN)],
    ["an internal error", refusal(INTERNAL)],
    [
      "an internal error after the request was carried out",
      { kind: "answer", hasLanded: true, answer: INTERNAL },
    ],
    ["what somebody in between answers", refusal(OF_A_BALANCER)],
    ["a lost request", { kind: "lose-request" }],
    ["a lost answer", { kind: "lose-answer" }],
    ["an answer that breaks off", { kind: "cut-answer" }],
  ];

  describe.each(faults)("after %s", (_, fault) => {
    it.each([1, 2])("where the client makes %i attempts itself", async (maxAttempts) => {
      const store = open(maxAttempts);
      const seen = failNext(maxAttempts + 1, fault);
      await store.put(KEY, BYTES, undefined);
      expect(seen.count).toBe(maxAttempts + 2);

      failNext(maxAttempts + 1, fault);
      expect(Buffer.from((await store.get(KEY)) as Uint8Array).equals(BYTES)).toBe(true);
      failNext(maxAttempts + 1, fault);
      const keys: string[] = [];
      for await (const { key } of store.list("main")) keys.push(key);
      expect(keys).toEqual([KEY]);
    });
  });

  it("gives up after retryTimeoutMs, and says why", async () => {
    const store = open(1, { retryTimeoutMs: 200 });
    const seen = failNext(Number.POSITIVE_INFINITY, refusal(SLOW_DOWN));
    await expect(store.get(KEY)).rejects.toMatchObject({
      code: "TIDEMARK_PAYLOAD_STORE",
      message: "SlowDown: Please reduce your request rate. (s3:GetObject on bucket payloads)",
    });
    expect(seen.count).toBeGreaterThan(1);
  });

  it("gives up an attempt that nothing is heard of, and makes another", async () => {
    const store = open();
    await store.put(KEY, BYTES, undefined);
    const seen = failNext(1, { kind: "delay-answer", ms: 30_000 });
    expect((await store.get(KEY))?.length).toBe(BYTES.length);
    expect(seen.count).toBe(2);
  }, 15_000);
});

describe("many at a time", () => {
  it("wait for their turn, and not for an answer: none is given up because others come first", async () => {
    const store = open();
    await store.put(KEY, Buffer.from("small"), undefined);
    const asked = 400;
    const seen = failNext(Number.POSITIVE_INFINITY, { kind: "delay-answer", ms: 600 });
    const read = await Promise.all(Array.from({ length: asked }, () => store.get(KEY)));

    expect(read.map((bytes) => Buffer.from(bytes as Uint8Array).toString())).toEqual(
      Array.from({ length: asked }, () => "small"),
    );
    expect(seen.count).toBe(asked);
  }, 30_000);
});

describe("what does not pass says what to do", () => {
  const role = "User: arn:aws:sts::123456789012:assumed-role/worker/i-0a1b2c";
  const deniedTo = (action: string, resource: string) =>
    xml(
      403,
      "AccessDenied",
      `<Message>${role} is not authorized to perform: ${action} on resource: "${resource}" because no identity-based policy allows the ${action} action</Message>`,
    );
  const put = (store: S3PayloadStore) => store.put(KEY, BYTES, undefined);
  const get = (store: S3PayloadStore) => store.get(KEY);
  const kmsKey = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd";
  const cases: [string, Answer, (store: S3PayloadStore) => Promise<unknown>, string][] = [
    [
      "a role that may not write",
      deniedTo("s3:PutObject", `arn:aws:s3:::${BUCKET}/t/${KEY}`),
      put,
      "AccessDenied: access denied; allow s3:PutObject on arn:aws:s3:::payloads/t/*",
    ],
    [
      "a role that may not read, or an object that is gone",
      xml(403, "AccessDenied", "<Message>Access Denied</Message>"),
      get,
      "AccessDenied: access denied; allow s3:GetObject on arn:aws:s3:::payloads/t/*. Without s3:ListBucket on arn:aws:s3:::payloads, S3 says the same of an object that does not exist",
    ],
    [
      "a role that may not use the bucket's key",
      deniedTo("kms:GenerateDataKey", kmsKey),
      put,
      `AccessDenied: access denied; allow kms:GenerateDataKey on ${kmsKey}`,
    ],
    [
      "a role that may not list",
      deniedTo("s3:ListBucket", `arn:aws:s3:::${BUCKET}`),
      async (store) => {
        for await (const _ of store.list(""));
      },
      "AccessDenied: access denied; allow s3:ListBucket on arn:aws:s3:::payloads",
    ],
    [
      "a role that may not delete",
      {
        status: 200,
        headers: { "content-type": "application/xml" },
        body: Buffer.from(
          `<DeleteResult><Error><Key>t/a</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>`,
        ),
      },
      (store) => store.delete(["a", "b"]),
      "AccessDenied: access denied; allow s3:DeleteObject on arn:aws:s3:::payloads/t/*",
    ],
    [
      "a bucket in another region, by redirection",
      xml(
        301,
        "PermanentRedirect",
        "<Message>The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.</Message><Endpoint>payloads.s3.eu-west-1.amazonaws.com</Endpoint><Bucket>payloads</Bucket>",
        { "x-amz-bucket-region": "eu-west-1" },
      ),
      put,
      "PermanentRedirect: bucket payloads is in region eu-west-1; give the client that region",
    ],
    [
      "a bucket in another region, by signature",
      xml(
        400,
        "AuthorizationHeaderMalformed",
        "<Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region>",
      ),
      get,
      "AuthorizationHeaderMalformed: bucket payloads is in region eu-west-1; give the client that region",
    ],
    [
      "a bucket that does not exist",
      xml(
        404,
        "NoSuchBucket",
        "<Message>The specified bucket does not exist</Message><BucketName>payloads</BucketName>",
      ),
      get,
      "NoSuchBucket: bucket payloads does not exist; create it, or correct its name",
    ],
    [
      "credentials that are refused",
      xml(
        403,
        "InvalidAccessKeyId",
        "<Message>The AWS Access Key Id you provided does not exist in our records.</Message>",
      ),
      put,
      "InvalidAccessKeyId: the credentials are missing, expired or not valid (The AWS Access Key Id you provided does not exist in our records.); give this process credentials of a role that may use bucket payloads",
    ],
    [
      "an object in an archive",
      xml(
        403,
        "InvalidObjectState",
        "<Message>The operation is not valid for the object's storage class</Message><StorageClass>GLACIER</StorageClass>",
      ),
      get,
      "InvalidObjectState: the object is in an archive (The operation is not valid for the object's storage class); restore it, and keep lifecycle rules from moving payloads to an archive",
    ],
    [
      "a clock that is wrong",
      xml(
        403,
        "RequestTimeTooSkewed",
        "<Message>The difference between the request time and the current time is too large.</Message>",
      ),
      put,
      "RequestTimeTooSkewed: the clock of this machine is wrong (The difference between the request time and the current time is too large.); set it, for example with NTP",
    ],
  ];

  it.each(cases)("%s", async (_, answer, call, message) => {
    const store = open(3, { prefix: "t/" });
    const seen = failNext(Number.POSITIVE_INFINITY, refusal(answer));
    await expect(call(store)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_STORE", message });
    // Asking again does not help.
    expect(seen.count).toBe(1);
  });
});

describe("an execution whose payload cannot be read", () => {
  /** Runs one until it has failed at the payload, mends the cause, and gives the result. */
  async function runThrough(
    spoil: (objects: S3PayloadStore, key: string) => Promise<void>,
    mend: (objects: S3PayloadStore, key: string, bytes: Uint8Array) => Promise<void>,
  ): Promise<{ readonly result: unknown; readonly error: unknown; readonly ran: readonly string[] }> {
    const objects = open(1, { prefix: "broken/" });
    const store = new MemoryStore({ payloads: new Payloads({ store: objects, inlineLimitBytes: 100 }) });
    const ran: string[] = [];
    const order = withDurableExecution(async (_: unknown, context: DurableContext) => {
      const text = await context.step("large", async () => {
        ran.push("large");
        return "x".repeat(1_000);
      });
      await context.wait({ seconds: 1 });
      return context.step("use", async () => {
        ran.push("use");
        return text.length;
      });
    });
    let tellOf: (error: unknown) => void = () => {};
    const failed = new Promise<unknown>((resolve) => {
      tellOf = resolve;
    });
    const worker = new Worker({ store, functions: { order }, onError: (error) => tellOf(error) });
    await worker.start();
    const client = new DurableClient({ store });
    const { executionId } = await client.start("order");
    await new Promise<void>((resolve) => {
      const stop = store.onChange(async () => {
        if ((await store.head(executionId))?.status !== "PENDING") return;
        if (ran.length === 0) return;
        stop();
        resolve();
      });
    });
    const keys: string[] = [];
    for await (const { key } of objects.list(payloadPrefix(executionId))) keys.push(key);
    const [key = ""] = keys;
    const bytes = (await objects.get(key)) as Uint8Array;
    await spoil(objects, key);
    const error = await failed;
    await mend(objects, key, bytes);
    network.decide = () => undefined;
    const result = await client.result(executionId);
    await worker.stop();
    return { result, error, ran };
  }

  const restore = (objects: S3PayloadStore, key: string, bytes: Uint8Array) =>
    objects.put(key, bytes, undefined);

  it.each<[string, Parameters<typeof runThrough>[0], string]>([
    ["is gone", (objects, key) => objects.delete([key]), "TIDEMARK_PAYLOAD_GONE"],
    ["is altered", (objects, key) => objects.put(key, BYTES, undefined), "TIDEMARK_PAYLOAD_ALTERED"],
    [
      "may not be read",
      async () => {
        network.decide = () => refusal(xml(403, "AccessDenied", "<Message>Access Denied</Message>"));
      },
      "allow s3:GetObject on arn:aws:s3:::payloads/broken/*",
    ],
  ])(
    "because its object %s goes on once the cause is mended",
    async (_, spoil, words) => {
      const mend = words.startsWith("allow") ? async () => {} : restore;
      const { result, error, ran } = await runThrough(spoil, mend);
      expect(error).toMatchObject({
        code: "TIDEMARK_INVOCATION_FAILED",
        message: expect.stringContaining(words),
      });
      expect(result).toBe(1_000);
      expect(ran).toEqual(["large", "use"]);
    },
    20_000,
  );
});
