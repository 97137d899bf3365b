/** The type tests' own test: what `assertType` and `Equals` accept and refuse. */

import { assertType, type Equals } from "./assert-type";

assertType<Equals<{ a: string }, { a: string }>>();
assertType<Equals<string | undefined, undefined | string>>();

// @ts-expect-error: an optional field is not a required one
assertType<Equals<{ a?: string }, { a: string }>>();

// @ts-expect-error: unknown is wider than string
assertType<Equals<unknown, string>>();

// @ts-expect-error: any equals only itself
// biome-ignore lint/suspicious/noExplicitAny: shows that any does not pass for another type
assertType<Equals<any, string>>();
