import { after, before, beforeEach, describe, it } from "node:test";
import { documentedExamples } from "./documented-examples";

documentedExamples({ describe, it, beforeAll: before, afterAll: after, beforeEach });
