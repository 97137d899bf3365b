/**
 * Owns how a type test says what it expects.
 *
 * Type tests are the files `*.types.ts` of this folder. Nothing runs them: `npm run typecheck`
 * compiles them, and what does not hold does not compile. What must be refused is marked with
 * `@ts-expect-error` and a reason.
 */

/** `true` if both types are the same: not merely assignable, and with `any` equal only to itself. */
export type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the condition is `true`: `assertType<Equals<typeof result, string>>()`. */
export function assertType<_Condition extends true>(): void {}
