export { decodeCursor, encodeCursor } from "./cursor.js";
export { ExecutionTrees } from "./execution-tree.js";
export {
  acquiredHead,
  childOutcome,
  endedHead,
  hasEndedForGood,
  hasUnseenEvent,
  isHeldBy,
  newHead,
  resumedHead,
  settleKey,
  suspendedHead,
  wokenHead,
} from "./head.js";
export { MemoryStore, type MemoryStoreOptions } from "./memory-store.js";
export {
  aesGcmCodec,
  type DataKey,
  type DataKeys,
  deflateCodec,
  type KeyService,
  localDataKeys,
  type PayloadCodec,
  wrappedDataKeys,
} from "./payload-codecs.js";
export { type Collected, type CollectOptions, collectPayloads } from "./payload-collector.js";
export { MemoryPayloadStore, type PayloadStore, type StoredPayload } from "./payload-store.js";
export type { PayloadSummary } from "./payload-summary.js";
export {
  KnownPayloads,
  type PayloadFacts,
  Payloads,
  type PayloadsOptions,
  payloadPrefix,
  plainPayloads,
  requirePayloads,
} from "./payloads.js";
export type {
  AcquireRequest,
  ExecutionStore,
  FinishRequest,
  InboxEvent,
  ListPage,
  ListRequest,
  LoadedExecution,
  LoadedInbox,
  NewExecution,
  PostRequest,
  PostResult,
  SnapshotRequest,
  StoredSnapshot,
  StoreManifest,
  SuspendRequest,
} from "./port.js";
export { wholeLog } from "./whole-log.js";
