/** Owns how a user is told of what can be told to nobody else. */

/** Tells `onError`, or else the console. Never throws: what a user's reporter throws has nobody to go to. */
export function reporter(onError: ((error: unknown) => void) | undefined): (error: unknown) => void {
  return (error) => {
    try {
      if (onError === undefined) console.error("[tidemark]", error);
      else onError(error);
    } catch (thrown) {
      console.error("[tidemark] onError threw", thrown, "for", error);
    }
  };
}
