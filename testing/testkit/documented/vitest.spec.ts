import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { documentedExamples } from "./documented-examples";

documentedExamples({ describe, it, beforeAll, afterAll, beforeEach });
