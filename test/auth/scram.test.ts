// SCRAM (RFC 5802, RFC 7677) sends no proof after an invalid message, and succeeds only with the server's
// proof.
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { Credentials, SaslContext, SaslExchange, SaslMechanism } from "../../src/auth/mechanism.ts";
import {
  scram,
  scramSha1,
  scramSha1Plus,
  scramSha256,
  scramSha256Plus,
  scramSha512,
  scramSha512Plus,
} from "../../src/auth/scram.ts";
import type { Pop3ErrorCode } from "../../src/errors.ts";
import { CONTEXT } from "../support/sasl.ts";
import { begin as beginWith } from "./exchange.ts";
import { ScramServer, hi } from "../support/scram-server.ts";

const NONCE = "rOprNGfwEbeRWgbNEkqO";
const SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";

const who = (given: Partial<Credentials> = {}): Credentials => ({
  user: "user",
  pass: "pencil",
  accessToken: "",
  encode: (text) => Buffer.from(text, "utf8"),
  authzid: "",
  ...given,
});
const begin = (
  mechanism: SaslMechanism,
  credentials = who(),
  context: Partial<SaslContext> = {},
): Promise<SaslExchange> => beginWith(mechanism, credentials, context);
const words = (octets: Buffer | undefined): string | undefined => octets?.toString();
/** Says one thing to the client; gives what the client says. */
const say = async (exchange: SaslExchange, challenge: string): Promise<string> =>
  (await exchange.respond(Buffer.from(challenge))).toString();
const error = (code: Pop3ErrorCode, message?: string): Error =>
  expect.objectContaining({ name: "Pop3Error", code, ...(message !== undefined && { message }) }) as Error;

/** A connection with the channel bindings given, to a server that lists `offered`. */
const bound = (bindings: Record<string, string>, offered: string[] = []): Partial<SaslContext> => ({
  offered,
  bindingTypes: ["tls-exporter", "tls-unique", "tls-server-end-point"],
  channelBinding: (type) => {
    const data = bindings[type];
    return data === undefined ? undefined : Buffer.from(data, "latin1");
  },
});

test.each([
  [scramSha1, "SCRAM-SHA-1"],
  [scramSha1Plus, "SCRAM-SHA-1-PLUS"],
  [scramSha256, "SCRAM-SHA-256"],
  [scramSha256Plus, "SCRAM-SHA-256-PLUS"],
  [scramSha512, "SCRAM-SHA-512"],
  [scramSha512Plus, "SCRAM-SHA-512-PLUS"],
])("%o is called %s, shows no secret, and can act for another identity", (mechanism, name) => {
  expect(mechanism).toMatchObject({ name, cleartext: false });
  expect([mechanism.authzid, mechanism.secret]).toEqual([undefined, undefined]);
});

describe("plays the transcript of", () => {
  test.each([
    {
      where: "RFC 5802 section 5",
      mechanism: scram("sha1", false, () => "fyko+d2lbbFgONRv9qkxdawL"),
      credentials: who(),
      transcript: [
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
      ],
    },
    {
      where: "RFC 7677 section 3",
      mechanism: scram("sha256", false, () => NONCE),
      credentials: who(),
      transcript: [
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      ],
    },
    {
      where: "Python's hashlib and hmac, for SHA-512",
      mechanism: scram("sha512", false, () => "popwright-client"),
      credentials: who({ user: "mrose", pass: "tanstaaf" }),
      transcript: [
        "n,,n=mrose,r=popwright-client",
        "r=popwright-client-and-server,s=c2l4dGVlbiBvY3RldHMuLg==,i=5000",
        "c=biws,r=popwright-client-and-server,p=FldYWLz1fdoFi+J66sCByBp3t12245ibTxefgfg+KUB6iu+d/3P2z+2IY87uOdkYA+XRtiAKeT+a6ZSEtj0C+Q==",
        "v=jmxp1k09mZPWmpT6gxB1sJHiZrkG8DVnFAjIM1lGFqFC3nMkbACVDL/cJyE/TJw4/Vj/Ux0bFH983+gFBFOaFQ==",
      ],
    },
  ])(
    "$where",
    async ({ mechanism, credentials, transcript: [first, challenge = "", final, verdict = ""] }) => {
      const exchange = await begin(mechanism, credentials);
      expect(words(exchange.initial)).toBe(first);
      expect(await say(exchange, challenge)).toBe(final);
      expect(await say(exchange, verdict)).toBe("");
      exchange.succeeded?.();
    },
  );

  test("SHA-512 with a server that shares no code with the client, nor PBKDF2 with Node", async () => {
    // Python's hashlib.pbkdf2_hmac("sha512", b"tanstaaf", b"salt", 2)
    expect(hi("sha512", "tanstaaf", Buffer.from("salt"), 2).toString("hex")).toBe(
      "acd2c67d81e8b5b240c6acfc92ce1041f01abfb05710f60793e7341bb89a5f70b6e8e2c3b43db4b62dbe18976d4ffad0a44dff6b9c4dd53e26c1e63bc83dcb65",
    );
    const server = new ScramServer({
      digest: "sha512",
      pass: "tanstaaf",
      salt: Buffer.from("sixteen octets.."),
      iterations: 5000,
      nonce: "-and-server",
    });
    const exchange = await begin(
      scram("sha512", false, () => "popwright-client"),
      who({ user: "mrose", pass: "tanstaaf" }),
    );
    const proof = await exchange.respond(server.first(exchange.initial as Buffer));
    expect(words(server.final(proof))).toBe(
      "v=jmxp1k09mZPWmpT6gxB1sJHiZrkG8DVnFAjIM1lGFqFC3nMkbACVDL/cJyE/TJw4/Vj/Ux0bFH983+gFBFOaFQ==",
    );
  });
});

describe("the first message", () => {
  const first = async (credentials: Partial<Credentials>): Promise<string | undefined> =>
    words(
      (
        await begin(
          scram("sha256", false, () => NONCE),
          who(credentials),
        )
      ).initial,
    );

  test.each([
    [{ user: "a=b,c" }, `n,,n=a=3Db=2Cc,r=${NONCE}`],
    [{ user: "=2C,=3D" }, `n,,n==3D2C=2C=3D3D,r=${NONCE}`],
    [{ authzid: "Ursel" }, `n,a=Ursel,n=user,r=${NONCE}`],
    [{ authzid: "a=b,\u00fcrsel" }, `n,a=a=3Db=2C\u00fcrsel,n=user,r=${NONCE}`],
    [{ user: "I\u00adX" }, `n,,n=IX,r=${NONCE}`],
    // The comma is born of the preparation.
    [{ user: "a\uff0cb" }, `n,,n=a=2Cb,r=${NONCE}`],
    [{ user: "\u{1f600}" }, `n,,n=\u{1f600},r=${NONCE}`],
  ])("%o: %j", async (credentials, message) => {
    expect(await first(credentials)).toBe(message);
  });

  test.each([
    [{ user: "" }, "the user name must not be empty"],
    [{ user: "ti\0m" }, "the user name is not allowed by SASLprep (RFC 4013)"],
    [{ pass: "pen\0cil" }, "the password is not allowed by SASLprep (RFC 4013)"],
    [
      { authzid: "\0" },
      "the user name or the authorization identity must not contain NUL or lone surrogates",
    ],
    [
      { authzid: "a\udc00" },
      "the user name or the authorization identity must not contain NUL or lone surrogates",
    ],
  ])("%o cannot be sent", async (credentials, message) => {
    await expect(first(credentials)).rejects.toThrow(error("POP3_INVALID_ARGUMENT", message));
  });

  test("leads to the same proof for an equivalent spelling of the password", async () => {
    const mechanism = scram("sha256", false, () => NONCE);
    const challenge = `r=${NONCE}x,s=${SALT},i=4096`;
    const typed = await begin(mechanism, who({ pass: "\u2168 Gro\u0308\u00dfe" }));
    const stored = await begin(mechanism, who({ pass: "IX Gr\u00f6\u00dfe" }));
    expect(await say(typed, challenge)).toBe(await say(stored, challenge));
  });

  test("has a new nonce of 24 random octets each time", async () => {
    const nonces = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const [, nonce] =
        /^n,,n=user,r=([A-Za-z0-9+/]{32})$/.exec(words((await begin(scramSha256)).initial) ?? "") ?? [];
      nonces.add(nonce as string);
    }
    expect([nonces.size, nonces.has(undefined as never)]).toEqual([50, false]);
  });
});

describe("channel binding", () => {
  const plus = scram("sha256", true, () => NONCE);
  const bare = scram("sha256", false, () => NONCE);
  const offer = ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];

  test.each([
    [
      "tls-exporter",
      { "tls-exporter": "E\0\xff", "tls-unique": "U", "tls-server-end-point": "S" },
      "E\0\xff",
    ],
    ["tls-unique", { "tls-unique": "U", "tls-server-end-point": "S" }, "U"],
    ["tls-server-end-point", { "tls-server-end-point": "S" }, "S"],
  ])("uses the first type that the connection has: %s", async (type, bindings, data) => {
    const exchange = await begin(plus, who({ authzid: "Ursel" }), bound(bindings, offer));
    const header = `p=${type},a=Ursel,`;
    expect(words(exchange.initial)).toBe(`${header}n=user,r=${NONCE}`);
    const [, cbind] = /^c=([^,]*),/.exec(await say(exchange, `r=${NONCE}x,s=${SALT},i=4096`)) ?? [];
    expect(Buffer.from(cbind as string, "base64").toString("latin1")).toBe(`${header}${data}`);
  });

  test("tries the types in the caller's order", async () => {
    const context = bound({ "tls-exporter": "E", "tls-server-end-point": "S" }, offer);
    const bindingTypes = ["tls-server-end-point", "tls-exporter"] as const;
    expect(words((await begin(plus, who(), { ...context, bindingTypes })).initial)).toMatch(
      /^p=tls-server-end-point,/,
    );
  });

  test.each([
    ["no binding available", bound({}, offer)],
    ["no TLS", { secure: false, offered: offer }],
    ["bindings switched off", { ...bound({ "tls-unique": "U" }, offer), bindingTypes: [] }],
  ])("with %s, -PLUS rejects", async (_, context) => {
    await expect(begin(plus, who(), context)).rejects.toThrow(
      error("POP3_NOT_SUPPORTED", "SCRAM-SHA-256-PLUS needs a channel binding, and this connection has none"),
    );
  });

  test.each([
    ["y", "we could, the server lists none", bound({ "tls-unique": "U" }, ["SCRAM-SHA-256"])],
    [
      "y",
      "the server has it for another digest",
      bound({ "tls-unique": "U" }, ["SCRAM-SHA-256", "SCRAM-SHA-1-PLUS"]),
    ],
    ["y", "the server lists nothing at all", bound({ "tls-unique": "U" })],
    ["n", "the server lists it, and the caller insists", bound({ "tls-unique": "U" }, offer)],
    ["n", "we could not", bound({}, ["SCRAM-SHA-256"])],
    ["n", "we will not", { ...bound({ "tls-unique": "U" }, ["SCRAM-SHA-256"]), bindingTypes: [] }],
    ["n", "no TLS", { secure: false, offered: ["SCRAM-SHA-256"] }],
  ])("without it: %s, %s", async (flag, _, context) => {
    const exchange = await begin(bare, who(), context);
    expect(words(exchange.initial)).toBe(`${flag},,n=user,r=${NONCE}`);
    // And the proof covers the flag.
    const cbind = flag === "y" ? "eSws" : "biws";
    expect(await say(exchange, `r=${NONCE}x,s=${SALT},i=4096`)).toMatch(new RegExp(`^c=${cbind},`));
    expect(exchange.alternative?.(true)).toBeUndefined();
  });

  describe("a binding that is refused before the proof", () => {
    const context = bound({ "tls-exporter": "E", "tls-server-end-point": "S" }, offer);
    const challenge = `r=${NONCE}x,s=${SALT},i=4096`;

    test("is followed by the next type, then by nothing", async () => {
      let count = 0;
      const counted = scram("sha256", true, () => `nonce${++count}`);
      const exchange = await begin(counted, who({ user: "a,b", authzid: "Ursel" }), context);
      const next = exchange.alternative?.(true);
      expect(words(exchange.initial)).toBe("p=tls-exporter,a=Ursel,n=a=2Cb,r=nonce1");
      expect(words(next?.initial)).toBe("p=tls-server-end-point,a=Ursel,n=a=2Cb,r=nonce2");
      expect(next?.alternative?.(true)).toBeUndefined();
    });

    test("is followed by a type that succeeds", async () => {
      const salt = Buffer.from(SALT, "base64");
      const binding = { type: "tls-server-end-point", data: Buffer.from("S") };
      const server = new ScramServer({
        digest: "sha256",
        pass: "pencil",
        salt,
        iterations: 4096,
        nonce: "x",
        binding,
      });
      const exchange = (await begin(plus, who(), context)).alternative?.(true) as SaslExchange;
      const proof = await exchange.respond(server.first(exchange.initial as Buffer));
      expect(await exchange.respond(server.final(proof))).toEqual(Buffer.alloc(0));
      exchange.succeeded?.();
    });

    test("is not retried after the proof was sent", async () => {
      const exchange = await begin(plus, who(), context);
      const proof = exchange.respond(Buffer.from(challenge));
      expect(exchange.alternative?.(true)).toBeUndefined();
      await proof;
      expect(exchange.alternative?.(true)).toBeUndefined();
    });

    test("is not retried if the refusal has another reason", async () => {
      const exchange = await begin(plus, who(), context);
      await exchange.respond(Buffer.from(challenge));
      expect(words(exchange.alternative?.(false)?.initial)).toMatch(/^p=tls-server-end-point,/);
    });

    test("is not retried after an invalid challenge", async () => {
      const exchange = await begin(plus, who(), context);
      await expect(say(exchange, "r=stranger")).rejects.toThrow(error("POP3_AUTH_PROTOCOL"));
      expect(exchange.alternative?.(true)).toBeUndefined();
    });
  });
});

describe("sends no proof for the first message", () => {
  const start = (limits = CONTEXT.scram): Promise<SaslExchange> =>
    begin(
      scram("sha256", false, () => NONCE),
      who(),
      { scram: limits },
    );
  const R = `r=${NONCE}x`;
  const S = `s=${SALT}`;
  const ITERATIONS = "the server's SCRAM message has an invalid number of iterations";
  const ATTRIBUTES = "the server's SCRAM message is not a list of attributes";
  const BASE64 = "the server's SCRAM message has a salt that is not base64";
  const EXTENSION = "the server's SCRAM message demands an unknown extension";
  const lacks = (name: string): string => `the server's SCRAM message lacks ${name}= at its position`;

  test.each([
    // The iterations (hostile servers ask for what costs us, or nothing).
    ...[
      "0",
      "00",
      "04096",
      "-1",
      "+4096",
      "5x",
      "5000 ",
      " 5000",
      "4096.0",
      "1e4",
      "0x1000",
      "12345678901",
      "４０９６",
    ].map((count) => [`${R},${S},i=${count}`, ITERATIONS] as [string, string]),
    [`${R},${S},i=`, ATTRIBUTES],
    [`${R},${S}`, lacks("i")],
    [`${R},${S},x=1`, lacks("i")],
    // The nonce.
    [`r=${NONCE},${S},i=4096`, "the server's SCRAM message adds nothing to our nonce"],
    [`r=x${NONCE},${S},i=4096`, "the server's SCRAM message has a nonce that does not begin with ours"],
    [
      `r=${NONCE.slice(1)}x,${S},i=4096`,
      "the server's SCRAM message has a nonce that does not begin with ours",
    ],
    [
      `r=${NONCE.toLowerCase()}x,${S},i=4096`,
      "the server's SCRAM message has a nonce that does not begin with ours",
    ],
    ...["x y", "\x7f", "\x1b[31m", "\r\n", "\u00e9", "\ufeff"].map(
      (more) =>
        [
          `r=${NONCE}${more},${S},i=4096`,
          "the server's SCRAM message has a nonce that is not printable ASCII",
        ] as [string, string],
    ),
    [`r=${NONCE}\0,${S},i=4096`, ATTRIBUTES],
    // The salt.
    [`${R},s=,i=4096`, ATTRIBUTES],
    ...["=", "====", "A", "AB", "QUJD=", "QUI", "QU I=", "QUJD\n", "Q_-D", "QUJ=", "%%%%"].map(
      (salt) => [`${R},s=${salt},i=4096`, BASE64] as [string, string],
    ),
    // The order.
    [`${S},${R},i=4096`, lacks("r")],
    [`${R},i=4096,${S}`, lacks("s")],
    [`x=1,${R},${S},i=4096`, lacks("r")],
    [`${R},x=1,${S},i=4096`, lacks("s")],
    [`R${R.slice(1)},${S},i=4096`, lacks("r")],
    ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", lacks("r")],
    // Extensions that must be understood, wherever they stand.
    [`m=ext,${R},${S},i=4096`, EXTENSION],
    [`${R},${S},i=4096,m=ext`, EXTENSION],
    ["m=ext", EXTENSION],
    // No attributes.
    ["", ATTRIBUTES],
    [",", ATTRIBUTES],
    [`${R},${S},i=4096,`, ATTRIBUTES],
    [`${R},,${S},i=4096`, ATTRIBUTES],
    [`${R},${S},i=4096,xx=1`, ATTRIBUTES],
    [`${R},${S},i=4096,1=1`, ATTRIBUTES],
    [`${R},${S},i=4096,x=\0`, ATTRIBUTES],
    ["go ahead", ATTRIBUTES],
    // An error at a point where none may come.
    ["e=unknown-user", "the server ended SCRAM with an error: unknown-user"],
  ])("%j", async (challenge, message) => {
    const exchange = await start();
    await expect(say(exchange, challenge)).rejects.toThrow(error("POP3_AUTH_PROTOCOL", message));
    // It is over: the right message comes too late.
    await expect(say(exchange, `${R},${S},i=4096`)).rejects.toThrow(error("POP3_AUTH_PROTOCOL"));
    expect(() => exchange.succeeded?.()).toThrow(error("POP3_SCRAM_SERVER_SIGNATURE"));
  });

  test.each([
    [
      1,
      undefined,
      "POP3_SCRAM_ITERATIONS_LOW",
      "the server demands 1 iterations, but auth.scram.minIterations is 4096: lower it only if you know that the server uses this number",
    ],
    [
      4095,
      undefined,
      "POP3_SCRAM_ITERATIONS_LOW",
      "the server demands 4095 iterations, but auth.scram.minIterations is 4096: lower it only if you know that the server uses this number",
    ],
    [
      100_001,
      undefined,
      "POP3_SCRAM_ITERATIONS_HIGH",
      "the server demands 100001 iterations, but auth.scram.maxIterations is 100000: raise it if you trust the server",
    ],
    [
      1_000_000_000,
      undefined,
      "POP3_SCRAM_ITERATIONS_HIGH",
      "the server demands 1000000000 iterations, but auth.scram.maxIterations is 100000: raise it if you trust the server",
    ],
    [
      4_294_967_295,
      undefined,
      "POP3_SCRAM_ITERATIONS_HIGH",
      "the server demands 4294967295 iterations, but auth.scram.maxIterations is 100000: raise it if you trust the server",
    ],
    [
      9_999_999_999,
      undefined,
      "POP3_SCRAM_ITERATIONS_HIGH",
      "the server demands 9999999999 iterations, but auth.scram.maxIterations is 100000: raise it if you trust the server",
    ],
    [
      9,
      { minIterations: 10, maxIterations: 12 },
      "POP3_SCRAM_ITERATIONS_LOW",
      "the server demands 9 iterations, but auth.scram.minIterations is 10: lower it only if you know that the server uses this number",
    ],
    [
      13,
      { minIterations: 10, maxIterations: 12 },
      "POP3_SCRAM_ITERATIONS_HIGH",
      "the server demands 13 iterations, but auth.scram.maxIterations is 12: raise it if you trust the server",
    ],
  ] as const)("i=%d, %o: %s", async (count, limits, code, message) => {
    const exchange = await start(limits);
    await expect(say(exchange, `${R},${S},i=${count}`)).rejects.toThrow(error(code, message));
  });

  test.each([
    [4096, undefined],
    [100_000, undefined],
    [10, { minIterations: 10, maxIterations: 10 }],
    [1, { minIterations: 1, maxIterations: 10 }],
  ])("sends a proof for i=%d, %o", async (count, limits) => {
    expect(await say(await start(limits), `${R},${S},i=${count}`)).toMatch(
      /^c=biws,r=[^,]+x,p=[A-Za-z0-9+/]{43}=$/,
    );
  });

  test.each([
    ["extensions that may be ignored", `r=${NONCE}x,s=QQ==,i=4096,x=any thing,Y==\u00fc\x01,i=1`],
    [
      "every character that a nonce may contain",
      `r=${NONCE}!"#$%&'()*+-./09:;<=>?@AZ[\\]^_\`az{|}~,s=QQ==,i=4096`,
    ],
    ["a salt of many octets", `r=${NONCE}x,s=${"QUJD".repeat(1000)},i=4096`],
  ])("sends a proof for %s", async (_, challenge) => {
    const nonce = challenge.slice(0, challenge.indexOf(","));
    const final = await say(await start(), challenge);
    expect(final.slice(0, final.lastIndexOf(","))).toBe(`c=biws,${nonce}`);
  });
});

describe("the server's proof", () => {
  const V = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
  /** RFC 7677's exchange, with the client's proof sent. */
  const proved = async (): Promise<SaslExchange> => {
    const exchange = await begin(scram("sha256", false, () => NONCE));
    await say(exchange, `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=${SALT},i=4096`);
    return exchange;
  };
  const missing = error(
    "POP3_SCRAM_SERVER_SIGNATURE",
    "the server has accepted the login without proof that it knows the password",
  );

  test("is missing: rejects, even after +OK", async () => {
    const fresh = await begin(scramSha256);
    expect(() => fresh.succeeded?.()).toThrow(missing);
    const exchange = await proved();
    expect(() => exchange.succeeded?.()).toThrow(missing);
  });

  test.each([
    ["of another length", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="],
    ["one bit off", `v=7${V.slice(1)}`],
    ["in other case", `v=${V.toLowerCase()}`],
    ["not base64", "v=%"],
    ["in another encoding", `v=${V.slice(0, -1)}`],
    ["with characters after it", `v=${V} `],
    ["beyond ASCII", `v=${"\u00fc".repeat(22)}`],
  ])("%s: wrong", async (_, challenge) => {
    const exchange = await proved();
    const wrong = error(
      "POP3_SCRAM_SERVER_SIGNATURE",
      "the server has sent a wrong proof that it knows the password",
    );
    await expect(say(exchange, challenge)).rejects.toThrow(wrong);
    await expect(say(exchange, `v=${V}`)).rejects.toThrow(error("POP3_AUTH_PROTOCOL"));
    expect(() => exchange.succeeded?.()).toThrow(missing);
  });

  test.each([
    ["nothing", "", "the server's SCRAM message is not a list of attributes"],
    ["an empty proof", "v=", "the server's SCRAM message is not a list of attributes"],
    ["a capital V", `V=${V}`, "the server's SCRAM message lacks v= at its position"],
    ["something before it", `x=1,v=${V}`, "the server's SCRAM message lacks v= at its position"],
    [
      "an extension to be understood",
      `v=${V},m=ext`,
      "the server's SCRAM message demands an unknown extension",
    ],
    ["a comma after it", `v=${V},`, "the server's SCRAM message is not a list of attributes"],
    ["an error", "e=invalid-proof", "the server ended SCRAM with an error: invalid-proof"],
    ["an error and more", "e=other-error,x=1", "the server ended SCRAM with an error: other-error"],
    ["both", `v=${V},e=other-error`, "the server ended SCRAM with an error: other-error"],
    ["controls", "e=\x1b[31m\u202e\r\n", "the server ended SCRAM with an error: \\x1b[31m\\u202e\\x0d\\x0a"],
    ["too many words", `e=${"x".repeat(5000)}`, `the server ended SCRAM with an error: ${"x".repeat(512)}…`],
  ])("%s: is invalid", async (_, challenge, message) => {
    const exchange = await proved();
    await expect(say(exchange, challenge)).rejects.toThrow(error("POP3_AUTH_PROTOCOL", message));
    expect(() => exchange.succeeded?.()).toThrow(missing);
  });

  test("may be followed by extensions", async () => {
    const exchange = await proved();
    expect(await say(exchange, `v=${V},x=1`)).toBe("");
    exchange.succeeded?.();
  });

  test("ends the exchange", async () => {
    const exchange = await proved();
    await say(exchange, `v=${V}`);
    await expect(say(exchange, `v=${V}`)).rejects.toThrow(
      error("POP3_AUTH_PROTOCOL", "unexpected challenge: SCRAM has finished"),
    );
  });

  test("arrives while the client still computes its own: rejects", async () => {
    const exchange = await begin(scram("sha256", false, () => NONCE));
    const challenge = `r=${NONCE}x,s=${SALT},i=4096`;
    const proof = say(exchange, challenge);
    await expect(say(exchange, challenge)).rejects.toThrow(error("POP3_AUTH_PROTOCOL"));
    expect(await proof).toMatch(/^c=biws,/);
  });
});

test("prints no secret of an exchange", async () => {
  const exchange = await begin(
    scram("sha256", false, () => NONCE),
    who({ pass: "hunter2" }),
  );
  await say(exchange, `r=${NONCE}x,s=${SALT},i=4096`);
  expect(inspect(exchange, { depth: 9, showHidden: true })).not.toContain("hunter2");
});
