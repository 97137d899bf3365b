export { decodeCursor, encodeCursor } from "./cursor.js";
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
export { MemoryStore } from "./memory-store.js";
export type {
  AcquireRequest,
  ExecutionStore,
  FinishRequest,
  InboxEvent,
  ListPage,
  ListRequest,
  LoadedExecution,
  NewExecution,
  PostRequest,
  PostResult,
  StoreManifest,
  SuspendRequest,
} from "./port.js";
