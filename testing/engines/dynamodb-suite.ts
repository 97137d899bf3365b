/** Owns the life of a DynamoDB rig in a file of tests. */

import { type DynamoDbRig, startRig } from "./dynamodb-rig";

const START_TIMEOUT_MS = 30_000;

/** One engine for the tests of a file, and a table of its own for each. */
export function rigForTests(): DynamoDbRig {
  let current: DynamoDbRig | undefined;
  beforeAll(async () => {
    current = await startRig();
  }, START_TIMEOUT_MS);
  afterAll(() => current?.stop());
  beforeEach(() => current?.newTable());
  afterEach(() => current?.closeStores());
  // The rig does not exist before the first test.
  return new Proxy({} as DynamoDbRig, {
    get: (_target, member) => Reflect.get(current as DynamoDbRig, member),
  });
}
