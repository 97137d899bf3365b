/** Owns the store that all functions of the example share: the table and the bucket of `infra/template.yaml`. */

import { S3PayloadStore } from "@tidemark/payloads-s3";
import { Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";

/** Above this, an object in S3 costs less than the units of DynamoDB; see docs/stores/payloads.md. */
const INLINE_LIMIT_BYTES = 9 * 1024;

export function openStore(): Promise<DynamoDbStore> {
  const bucket = new S3PayloadStore({ bucket: setting("PAYLOADS_BUCKET") });
  return DynamoDbStore.open({
    tableName: setting("EXECUTIONS_TABLE"),
    payloads: new Payloads({ store: bucket, inlineLimitBytes: INLINE_LIMIT_BYTES }),
  });
}

/** What the template or the construct has put into the environment. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`the environment has no ${name}`);
  return value;
}
