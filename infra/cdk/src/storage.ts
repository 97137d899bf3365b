/**
 * Owns the table and the bucket. Keys, indexes, projections and the TTL attribute are those of
 * `tableDefinition()` in `@tidemark/store-dynamodb`; a test compares them with the request that it makes.
 */

import { Duration, RemovalPolicy } from "aws-cdk-lib";
import {
  type Attribute,
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
} from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";

interface TableOptions {
  readonly tableName: string | undefined;
  readonly removalPolicy: RemovalPolicy;
  readonly pointInTimeRecovery: boolean;
  readonly encryptionKey: IKey | undefined;
}

export function makeTable(scope: Construct, options: TableOptions): Table {
  const { tableName, removalPolicy, pointInTimeRecovery, encryptionKey } = options;
  const table = new Table(scope, "Table", {
    ...(tableName === undefined ? {} : { tableName }),
    partitionKey: text("pk"),
    sortKey: text("sk"),
    timeToLiveAttribute: "ttl",
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: pointInTimeRecovery },
    deletionProtection: removalPolicy !== RemovalPolicy.DESTROY,
    removalPolicy,
    ...(encryptionKey === undefined ? {} : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey }),
  });
  table.addGlobalSecondaryIndex({
    indexName: "due",
    partitionKey: text("duePk"),
    sortKey: { name: "dueAt", type: AttributeType.NUMBER },
    projectionType: ProjectionType.KEYS_ONLY,
  });
  table.addGlobalSecondaryIndex({
    indexName: "list",
    partitionKey: text("listPk"),
    sortKey: text("listSk"),
    projectionType: ProjectionType.INCLUDE,
    nonKeyAttributes: ["es", "xt"],
  });
  return table;
}

function text(name: string): Attribute {
  return { name, type: AttributeType.STRING };
}

interface BucketOptions {
  readonly bucketName: string | undefined;
  readonly removalPolicy: RemovalPolicy;
  readonly expiration: Duration;
  readonly encryptionKey: IKey | undefined;
}

/** Payloads are written once, with a hash in the log: no versions are needed. */
export function makeBucket(scope: Construct, options: BucketOptions): Bucket {
  const { bucketName, removalPolicy, expiration, encryptionKey } = options;
  const bucket = new Bucket(scope, "Payloads", {
    ...(bucketName === undefined ? {} : { bucketName }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    removalPolicy,
    lifecycleRules: [{ id: "outlived", expiration, abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    ...(encryptionKey === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
  });
  // A bucket that stays keeps its rule.
  bucket.policy?.applyRemovalPolicy(removalPolicy);
  return bucket;
}
