/** Owns a local S3 for tests: `s3rver`, in this process, on a free port, with its objects in a temporary directory. */

import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import S3rver from "s3rver";

export interface S3Engine {
  readonly endpoint: string;
  /** A client of the engine, without retries of its own unless asked for. */
  client(config?: S3ClientConfig): S3Client;
  stop(): Promise<void>;
}

/** Starts it with these buckets, empty. */
export async function startS3(buckets: readonly string[]): Promise<S3Engine> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-s3-"));
  const server = new S3rver({
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: buckets.map((name) => ({ name, configs: [] })),
  });
  const { port } = (await server.run()) as unknown as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const clients: S3Client[] = [];
  return {
    endpoint,
    client(config = {}) {
      const client = new S3Client({
        endpoint,
        region: "us-east-1",
        forcePathStyle: true,
        credentials: { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" },
        maxAttempts: 1,
        ...config,
      });
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.destroy();
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
