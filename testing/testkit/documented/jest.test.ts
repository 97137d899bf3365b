import { documentedExamples } from "./documented-examples";

documentedExamples({ describe, it, beforeAll, afterAll, beforeEach });
