/** Owns how many requests of one call are under way at a time. */

/** Below the 50 sockets of the AWS SDK's default, so that other calls get through. */
const MAX_CONCURRENT = 16;

/** Gives the results in the order of the inputs. The first failure fails all. */
export async function mapConcurrently<T, R>(
  inputs: readonly T[],
  run: (input: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(inputs.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < inputs.length) {
      const index = next++;
      results[index] = await run(inputs[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT, inputs.length) }, lane));
  return results;
}
