// A mechanism of the caller.
import type { SaslMechanism } from "../../../src/index.ts";

/** A custom mechanism that answers each challenge with its letters in reverse order. */
export function own({
  cleartext = false,
  initial,
}: {
  cleartext?: boolean;
  initial?: Buffer;
}): SaslMechanism {
  return {
    name: "X-OWN",
    cleartext,
    start: () => ({
      ...(initial !== undefined && { initial }),
      respond: (challenge) => Buffer.from(challenge).reverse(),
    }),
  };
}
