/** Owns the list of all handlers. Each is written from the words of its case. */

import { callbackHandlers } from "./callback";
import type { CaseHandlers } from "./case-world";
import { childHandlers } from "./child";
import { invokeHandlers, invokeTargets } from "./invoke";
import { mapHandlers } from "./map";
import { parallelHandlers } from "./parallel";
import { pluginHandlers } from "./plugin";
import { pluginShapeHandlers } from "./plugin-shape";
import { stepHandlers } from "./step";
import { waitHandlers } from "./wait";
import { waitForCallbackHandlers } from "./wait-for-callback";
import { waitForConditionHandlers } from "./wait-for-condition";

export const HANDLERS: CaseHandlers = {
  ...stepHandlers,
  ...waitHandlers,
  ...childHandlers,
  ...callbackHandlers,
  ...invokeHandlers,
  ...waitForConditionHandlers,
  ...waitForCallbackHandlers,
  ...parallelHandlers,
  ...mapHandlers,
  ...pluginHandlers,
  ...pluginShapeHandlers,
};

/** The functions that handlers invoke, by name. */
export const TARGETS = invokeTargets;
