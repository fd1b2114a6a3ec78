// SCRAM against every server: only a server and a client with the same password accept each other.
import fc from "../support/fast-check.ts";
import { expect, test } from "vitest";
import type { SaslContext, SaslExchange } from "../../src/auth/mechanism.ts";
import { scram } from "../../src/auth/scram.ts";
import { Pop3Error } from "../../src/errors.ts";
import { CONTEXT, CREDENTIALS } from "../support/sasl.ts";
import { ScramServer } from "../support/scram-server.ts";

// Few iterations: what they are does not matter here.
const LIMITS = { minIterations: 2, maxIterations: 32 };
const NONCE = "fyko+d2lbbFgONRv9qkxdawL";
const CODES = ["POP3_AUTH_PROTOCOL", "POP3_SCRAM_ITERATIONS_LOW", "POP3_SCRAM_ITERATIONS_HIGH"];

/** Holds for every input drawn; the seed is fixed. */
async function always<T>(
  inputs: fc.Arbitrary<T>,
  holds: (input: T) => Promise<void>,
  numRuns: number,
): Promise<void> {
  await fc.assert(fc.asyncProperty(inputs, holds), { seed: 5802, numRuns });
}

const text = (unit: fc.Arbitrary<string>, minLength = 1): fc.Arbitrary<string> =>
  fc.string({ unit, minLength, maxLength: 20 });
/** Unicode 3.2's letters of one direction that SASLprep leaves alone, and what SCRAM quotes. */
const letters = fc.constantFrom(...("az09 =,2CD3\u00e9\u00df\u4e2d\u{20000}".match(/./gu) as string[]));
const nonces = text(fc.constantFrom("!", "+", "-", "=", "~", "/", "a", "Z", "0", "%", "$"));

const connections = fc.record({
  digest: fc.constantFrom("sha1" as const, "sha256" as const, "sha512" as const),
  user: text(letters),
  authzid: text(letters, 0),
  pass: text(letters),
  salt: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((octets) => Buffer.from(octets)),
  iterations: fc.integer({ min: 2, max: 32 }),
  nonce: nonces,
  /** The data of the binding; `undefined`: none is used. */
  bound: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: undefined }),
});

/** As the client sees it: its end of the connection may have other data than the server's. */
const contextOf = (bound: Uint8Array | undefined): SaslContext => ({
  ...CONTEXT,
  bindingTypes: bound === undefined ? [] : ["tls-exporter"],
  channelBinding: () => bound && Buffer.from(bound),
  scram: LIMITS,
});

interface Drawn {
  readonly digest: "sha1" | "sha256" | "sha512";
  readonly user: string;
  readonly authzid: string;
  readonly pass: string;
  readonly bound: Uint8Array | undefined;
}

async function begin({ digest, bound, ...credentials }: Drawn): Promise<SaslExchange> {
  return scram(digest, bound !== undefined).start({ ...CREDENTIALS, ...credentials }, contextOf(bound));
}

function serverOf({
  bound,
  ...drawn
}: Drawn & { salt: Buffer; iterations: number; nonce: string }): ScramServer {
  return new ScramServer({
    ...drawn,
    ...(bound !== undefined && { binding: { type: "tls-exporter", data: Buffer.from(bound) } }),
  });
}

/** The code of the error that `call` throws; `undefined` if it throws none. */
async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(Pop3Error);
    return (error as Pop3Error).code;
  }
}

const proven = (exchange: SaslExchange): Promise<string | undefined> => codeOf(() => exchange.succeeded?.());

test("a client with the right password logs in and verifies the server", async () => {
  await always(
    connections,
    async (drawn) => {
      const exchange = await begin(drawn);
      const server = serverOf(drawn);
      const proof = await exchange.respond(server.first(exchange.initial as Buffer));
      expect(await exchange.respond(server.final(proof))).toEqual(Buffer.alloc(0));
      expect(await proven(exchange)).toBeUndefined();
      expect([server.user, server.authzid]).toEqual([drawn.user, drawn.authzid]);
      expect(server.flag).toBe(drawn.bound === undefined ? "n" : "p=tls-exporter");
    },
    300,
  );
});

test("a client with another password or connection is refused; a server without the password proves nothing", async () => {
  await always(
    connections,
    async (drawn) => {
      const theirs =
        drawn.bound === undefined
          ? { ...drawn, pass: `${drawn.pass}x` }
          : { ...drawn, bound: Buffer.concat([drawn.bound, Buffer.from("x")]) };
      const [exchange, server] = [await begin(drawn), serverOf(theirs)];
      const proof = await exchange.respond(server.first(exchange.initial as Buffer));
      const verdict = server.final(proof);
      expect(verdict.toString()).toBe(
        drawn.bound === undefined ? "e=invalid-proof" : "e=channel-bindings-dont-match",
      );
      // A server in between passes it off as its own, and lets in.
      const lie = Buffer.from(`v=${proof.toString().split(",p=")[1] as string}`);
      expect(await codeOf(() => exchange.respond(lie))).toBe("POP3_SCRAM_SERVER_SIGNATURE");
      expect(await proven(exchange)).toBe("POP3_SCRAM_SERVER_SIGNATURE");
    },
    200,
  );
});

const soup = fc
  .array(
    fc.constantFrom(
      ...[
        `r=${NONCE}`,
        "r=",
        NONCE,
        "x",
        ",s=",
        "QUJD",
        "QQ==",
        "=",
        ",i=",
        "2",
        "32",
        "33",
        "0",
        "-",
        ",",
        "m=",
        "e=",
        "v=",
      ],
      ...[",x=1", "\0", "\n", " ", "\u00fc", "\u{1f600}", "\xff"],
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.from(parts.join("")));
const octets = fc.uint8Array({ maxLength: 80 }).map((drawn) => Buffer.from(drawn));
/** A message that makes sense, with some octets of it replaced, left out or put in. */
const nearly = fc
  .record({
    message: fc.constantFrom(`r=${NONCE}x,s=QUJD,i=4`, `r=${NONCE}x,s=QUI=,i=32,x=1`),
    edits: fc.array(
      fc.record({
        at: fc.nat(60),
        drop: fc.nat(2),
        put: fc.constantFrom("", ",", "=", "0", "\0", "m=", "\xe9"),
      }),
      {
        maxLength: 2,
      },
    ),
  })
  .map(({ message, edits }) => {
    const characters = Array.from(message);
    for (const { at, drop, put } of edits) characters.splice(at, drop, put);
    return Buffer.from(characters.join(""), "latin1");
  });

/** The whole grammar of server-first-message in one expression, and the limits of this test. */
const SENSE = new RegExp(
  String.raw`^r=${NONCE.replaceAll("+", "\\+")}[!-+\--~]+,` +
    "s=(?=[^,])(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?," +
    String.raw`i=(?:[2-9]|[12]\d|3[0-2])(?:,(?![me]=)[A-Za-z]=[^\0,]+)*$`,
);

test("answers any first message of a server with a proof, or rejects with an error that gives the reason", async () => {
  const seen = { proofs: 0, refusals: 0 };
  await always(
    fc.oneof(soup, octets, nearly),
    async (challenge) => {
      const credentials = { ...CREDENTIALS, user: "user", pass: "pencil" };
      const exchange = await scram("sha256", false, () => NONCE).start(credentials, contextOf(undefined));
      const answer = exchange.respond(challenge);
      if (SENSE.test(challenge.toString())) {
        expect((await answer).toString()).toMatch(/^c=biws,r=[^,]+,p=[A-Za-z0-9+/]{43}=$/);
        seen.proofs++;
      } else {
        expect(CODES).toContain(await codeOf(() => answer));
        seen.refusals++;
      }
      expect(await proven(exchange)).toBe("POP3_SCRAM_SERVER_SIGNATURE");
    },
    2000,
  );
  expect(seen.proofs).toBeGreaterThan(100);
  expect(seen.refusals).toBeGreaterThan(1000);
});

test("accepts no final message of random octets", async () => {
  const verdicts = fc.oneof(
    soup,
    octets,
    octets.map((drawn) => Buffer.from(`v=${drawn.toString("base64")}`)),
  );
  await always(
    verdicts,
    async (verdict) => {
      const credentials = { ...CREDENTIALS, user: "user", pass: "pencil" };
      const exchange = await scram("sha256", false, () => NONCE).start(credentials, contextOf(undefined));
      await exchange.respond(Buffer.from(`r=${NONCE}x,s=QUJD,i=2`));
      expect(["POP3_AUTH_PROTOCOL", "POP3_SCRAM_SERVER_SIGNATURE"]).toContain(
        await codeOf(() => exchange.respond(verdict)),
      );
      expect(await proven(exchange)).toBe("POP3_SCRAM_SERVER_SIGNATURE");
    },
    500,
  );
});
