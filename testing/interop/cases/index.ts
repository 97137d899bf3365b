/** Owns the list of all cases. */

import type { InteropCase } from "../interop-case";
import { batchCases } from "./batches";
import { callbackCases } from "./callbacks";
import { contextCases } from "./contexts";
import { failureCases } from "./failures";
import { invokeCases } from "./invokes";
import { logCases } from "./logs";
import { promiseCases } from "./promises";
import { stepCases } from "./steps";
import { waitCases } from "./waits";

export const CASES: readonly InteropCase[] = [
  ...stepCases,
  ...waitCases,
  ...callbackCases,
  ...invokeCases,
  ...contextCases,
  ...batchCases,
  ...promiseCases,
  ...failureCases,
  ...logCases,
];
