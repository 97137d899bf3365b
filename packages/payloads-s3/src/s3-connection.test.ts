import * as clientS3 from "@aws-sdk/client-s3";
import { type S3Engine, startS3 } from "../../../testing/engines/s3";
import { LazyS3, type S3Module } from "./s3-connection.js";

let engine: S3Engine;

beforeAll(async () => {
  engine = await startS3([]);
});

afterAll(() => engine.stop());

describe("LazyS3", () => {
  it("loads nothing before the first request, and once for many", async () => {
    let loads = 0;
    const load = async (): Promise<S3Module> => {
      loads += 1;
      return clientS3;
    };
    const lazy = new LazyS3({ clientConfig: { region: "eu-west-1" }, load });
    expect(loads).toBe(0);

    const [one, two] = await Promise.all([lazy.connect(), lazy.connect()]);

    expect(loads).toBe(1);
    expect(two).toBe(one);
    await lazy.close();
  });

  it("loads the client by itself, and leaves one that it was given alone", async () => {
    const client = engine.client();
    const lazy = new LazyS3({ client });

    const connection = await lazy.connect();
    await lazy.close();

    expect(connection.client).toBe(client);
    expect(await client.send(new connection.module.ListBucketsCommand({}))).toMatchObject({ Buckets: [] });
  });

  it("says what to do when the client is not installed, and tries again at the next request", async () => {
    let isInstalled = false;
    const load = async (): Promise<S3Module> => {
      if (isInstalled) return { S3Client: class {} } as unknown as S3Module;
      throw Object.assign(new Error("Cannot find package '@aws-sdk/client-s3'"), {
        code: "ERR_MODULE_NOT_FOUND",
      });
    };
    const lazy = new LazyS3({ load });

    await expect(lazy.connect()).rejects.toMatchObject({
      code: "TIDEMARK_PAYLOAD_STORE",
      message:
        "@aws-sdk/client-s3 cannot be loaded (Cannot find package '@aws-sdk/client-s3'); install it beside the application, or bundle it",
      cause: { code: "ERR_MODULE_NOT_FOUND" },
    });
    isInstalled = true;
    expect(await lazy.connect()).toHaveProperty("client");
  });

  it("closes what was never opened", async () => {
    await new LazyS3({}).close();
  });
});
