/**
 * Runs an exchange of one mechanism without a client: begins it as the client does, and feeds it server data.
 */
import { inspect } from "node:util";
import fc from "../support/fast-check.ts";
import { expect } from "vitest";
import type { Credentials, SaslContext, SaslExchange, SaslMechanism } from "../../src/auth/mechanism.ts";
import { Pop3Error } from "../../src/errors.ts";
import { times } from "../support/octets.ts";
import { CONTEXT, CREDENTIALS } from "../support/sasl.ts";

/** Rejects where `start` throws. */
export async function begin(
  mechanism: SaslMechanism,
  credentials: Partial<Credentials> = {},
  context: Partial<SaslContext> = {},
): Promise<SaslExchange> {
  return mechanism.start({ ...CREDENTIALS, ...credentials }, { ...CONTEXT, ...context });
}

/** The response to a challenge, each a character for an octet. Rejects where `respond` throws. */
export async function answer(exchange: SaslExchange, challenge: string): Promise<string> {
  return (await exchange.respond(Buffer.from(challenge, "latin1"))).toString("latin1");
}

/** That something is refused so. */
export async function refused(code: string, attempt: () => unknown, message?: string): Promise<void> {
  await expect((async () => attempt())()).rejects.toMatchObject(
    message === undefined ? { code } : { code, message },
  );
}

/**
 * Whatever a server sends, and however often, it gets a response or the exchange ends with an error of ours that
 * has no secret in it; and so do the credentials, whatever they are.
 */
export async function survives(mechanism: SaslMechanism, pieces: readonly string[]): Promise<void> {
  const challenge = fc
    .array(
      fc.oneof(
        fc.constantFrom(...pieces, "\0", "\xff", "\x01", "\r\n"),
        fc.string({ unit: "binary", maxLength: 3 }),
      ),
      { maxLength: 8 },
    )
    .map((parts) => Buffer.from(parts.join(""), "latin1"));
  const odd = fc.oneof(fc.constant("ann"), fc.string({ unit: "binary", maxLength: 4 }));
  await fc.assert(
    fc.asyncProperty(fc.array(challenge, { maxLength: 4 }), odd, odd, async (challenges, user, authzid) => {
      let exchange: SaslExchange | undefined;
      try {
        exchange = await begin(mechanism, { user, authzid });
        for (const sent of challenges)
          expect(Buffer.isBuffer(await exchange.respond(Buffer.from(sent)))).toBe(true);
        exchange.succeeded?.();
      } catch (error) {
        if (!Pop3Error.is(error)) throw error;
        expect(inspect(error)).not.toContain("hunter2");
      }
      expect(inspect(exchange?.refusal)).not.toContain("hunter2");
    }),
    { seed: 1939, numRuns: times(300) },
  );
}
