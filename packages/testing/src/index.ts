export {
  type FaultHooks,
  type FaultKind,
  faultCalls,
  faultStore,
  InjectedError,
  type StoreCall,
} from "./fault-store.js";
export { recordedEvent } from "./recorded-event.js";
export { storeWith } from "./store-with.js";
export { seededRandom, VirtualClock } from "./virtual-clock.js";
export { VirtualProcess } from "./virtual-process.js";
export { settledWithin, withVirtualTimers } from "./virtual-timers.js";
export { type WatchedStore, watchedStore } from "./watched-store.js";
