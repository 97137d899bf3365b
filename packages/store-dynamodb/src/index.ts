export { DynamoDbStore } from "./dynamodb-store.js";
export type { DynamoDbStoreOptions } from "./options.js";
export { type TableDefinition, tableDefinition } from "./table.js";
