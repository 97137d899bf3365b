export { recordedEvent } from "./recorded-event.js";
export { storeWith } from "./store-with.js";
export { seededRandom, VirtualClock } from "./virtual-clock.js";
export { settledWithin, withVirtualTimers } from "./virtual-timers.js";
export { type WatchedStore, watchedStore } from "./watched-store.js";
