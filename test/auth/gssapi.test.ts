// GSSAPI (RFC 4752) with a stand-in for the package `kerberos`: which calls it gets, their order, and
// failures.
import { describe, expect, test, vi } from "vitest";
import { gssapi, gssapiFrom, type Kerberos } from "../../src/auth/gssapi.ts";
import type { Credentials, SaslExchange, SaslMechanism } from "../../src/auth/mechanism.ts";
import { answer, begin, refused, survives } from "./exchange.ts";

const NO_LAYER = "\x01\0\0\0";

interface StandIn {
  /** What our side says, token by token. */
  tokens?: (string | null)[];
  /** What the server's last message unwraps to. */
  layers?: string;
  /** The call that fails. */
  fails?: "initializeClient" | "step" | "unwrap" | "wrap";
  cause?: Error;
}

const base64 = (octets: string): string => Buffer.from(octets, "latin1").toString("base64");
const octets = (text: string): string => Buffer.from(text, "base64").toString("latin1");

/** The package, its context and what is asked of them. It is through with the tokens when its last one is out. */
function standIn({ tokens = ["T1", null], layers = NO_LAYER, fails, cause }: StandIn = {}) {
  const calls: unknown[][] = [];
  const left = [...tokens];
  const called = (name: StandIn["fails"], ...args: unknown[]): void => {
    calls.push([name, ...args]);
    if (name === fails) throw cause ?? new Error("GSS failure\x1b: no credentials");
  };
  const client = {
    contextComplete: false,
    step: vi.fn(async (token: string) => {
      called("step", octets(token));
      const ours = left.shift() ?? null;
      client.contextComplete = left.length === 0;
      return ours === null ? null : base64(ours);
    }),
    unwrap: async (message: string) => {
      called("unwrap", octets(message));
      return base64(layers);
    },
    wrap: async (message: string, { user }: { user: string }) => {
      called("wrap", octets(message), user);
      return base64(`wrapped ${user}`);
    },
  };
  const kerberos: Kerberos = {
    GSS_MECH_OID_KRB5: 9,
    GSS_C_MUTUAL_FLAG: 2,
    GSS_C_SEQUENCE_FLAG: 8,
    initializeClient: async (service, options) => {
      called("initializeClient", service, options);
      return client;
    },
  };
  return { kerberos, client, calls };
}

const mechanism = (given?: StandIn): SaslMechanism => gssapiFrom(async () => standIn(given).kerberos);

/** As far as the server's last message. */
async function established(given?: StandIn, credentials?: Partial<Credentials>): Promise<SaslExchange> {
  const exchange = await begin(mechanism(given), credentials);
  expect(await answer(exchange, "S1")).toBe("");
  return exchange;
}

test("sends tokens until both sides are proven, then no security layer and the identity", async () => {
  const { kerberos, calls } = standIn({ tokens: ["T1", "T2", null] });
  const exchange = await begin(
    gssapiFrom(async () => kerberos),
    { user: "", authzid: "ann" },
    { host: "pop.example.com" },
  );
  expect(exchange.initial?.toString()).toBe("T1");
  expect(await answer(exchange, "S1")).toBe("T2");
  // An empty response, as our side has nothing to send any more (RFC 4752 section 3.1).
  expect(await answer(exchange, "S2")).toBe("");
  expect(await answer(exchange, "L")).toBe("wrapped ann");
  expect(exchange.succeeded?.()).toBeUndefined();
  expect(calls).toEqual([
    ["initializeClient", "pop@pop.example.com", { mechOID: 9, flags: 10 }],
    ["step", ""],
    ["step", "S1"],
    ["step", "S2"],
    ["unwrap", "L"],
    ["wrap", NO_LAYER, "ann"],
  ]);
});

test("has no secret: a ticket is not one", () => {
  expect(gssapi).toMatchObject({ name: "GSSAPI", cleartext: false, secret: "none" });
  expect(gssapi.authzid).toBeUndefined();
});

test.each([
  ["the owner of the ticket", { user: "" }, ""],
  ["the user, who must then be the owner of the ticket", { user: "ann" }, "ann"],
  ["another identity", { user: "ann", authzid: "bob" }, "bob"],
])("acts for %s", async (_, credentials, actFor) => {
  expect(await answer(await established({}, credentials), "L")).toBe(`wrapped ${actFor}`);
});

test("chooses no security layer if that is one of several", async () => {
  expect(await answer(await established({ layers: "\x07\xff\xff\xff" }), "L")).toBe("wrapped ann");
});

describe("what the server says of security layers", () => {
  const size = (got: number): string => `the server's list of security layers must have 4 bytes (got ${got})`;
  const PROTECT = "the server demands a GSSAPI security layer, which is not supported: use TLS";

  test.each([
    ["is short", "\x01\0\0", "POP3_AUTH_PROTOCOL", size(3)],
    ["is long", "\x01\0\0\0\0", "POP3_AUTH_PROTOCOL", size(5)],
    ["is missing", "", "POP3_AUTH_PROTOCOL", size(0)],
    ["has no layer at all", "\0\0\0\0", "POP3_NOT_SUPPORTED", PROTECT],
    ["requires a layer", "\x06\0\x10\0", "POP3_NOT_SUPPORTED", PROTECT],
  ])("%s", async (_, layers, code, message) => {
    const exchange = await established({ layers });
    await refused(code, () => answer(exchange, "L"), message);
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => exchange.succeeded?.(),
      "the server reported success before GSSAPI had finished",
    );
  });
});

describe("rejects a server that", () => {
  test("continues after the last message", async () => {
    const exchange = await established();
    await answer(exchange, "L");
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => answer(exchange, ""),
      "unexpected challenge: GSSAPI has finished",
    );
    expect(exchange.succeeded?.()).toBeUndefined();
  });

  test("reports success before it has proven itself, or before the exchange has ended", async () => {
    await refused("POP3_AUTH_PROTOCOL", async () => (await begin(mechanism())).succeeded?.());
    await refused("POP3_AUTH_PROTOCOL", async () => (await established()).succeeded?.());
  });
});

describe("if Kerberos fails", () => {
  const cause = new Error("GSS failure\x1b: no credentials");

  test.each(["initializeClient", "step"] as const)(
    "before anything is sent, in %s, rejects with POP3_NOT_SUPPORTED",
    async (fails) => {
      const attempt = begin(mechanism({ fails, cause }));
      await expect(attempt).rejects.toMatchObject({
        code: "POP3_NOT_SUPPORTED",
        message: "Kerberos has no ticket for pop@pop.example.com: GSS failure\\x1b: no credentials",
        cause: new Error("GSS failure\\x1b: no credentials"),
      });
    },
  );

  test.each(["unwrap", "wrap"] as const)("over what the server sent, in %s", async (fails) => {
    const exchange = await established({ fails, cause });
    await expect(answer(exchange, "L")).rejects.toMatchObject({
      code: "POP3_AUTH_PROTOCOL",
      message: "Kerberos has refused the token of pop@pop.example.com: GSS failure\\x1b: no credentials",
      cause: new Error("GSS failure\\x1b: no credentials"),
    });
    await refused("POP3_AUTH_PROTOCOL", () => exchange.succeeded?.());
  });

  test("on the server's first token with a value that is not an Error, rejects with POP3_AUTH_PROTOCOL", async () => {
    const { kerberos, client } = standIn();
    const exchange = await begin(gssapiFrom(async () => kerberos));
    client.step.mockRejectedValueOnce("no");
    await refused(
      "POP3_AUTH_PROTOCOL",
      () => answer(exchange, "S1"),
      "Kerberos has refused the token of pop@pop.example.com",
    );
  });
});

describe("the package kerberos", () => {
  test("is not installed: rejects", async () => {
    const cause = new Error("Cannot find package");
    await expect(begin(gssapiFrom(() => Promise.reject(cause)))).rejects.toMatchObject({
      code: "POP3_NOT_SUPPORTED",
      message: 'GSSAPI needs the package "kerberos": npm install kerberos',
      cause,
    });
  });

  test.each(["ES module", "CommonJS"])("is loaded when it is needed, as %s", async (kind) => {
    const { kerberos } = standIn();
    vi.doMock("kerberos", () =>
      kind === "CommonJS" ? { default: kerberos } : { ...kerberos, default: undefined },
    );
    try {
      expect((await begin(gssapi)).initial?.toString()).toBe("T1");
    } finally {
      vi.doUnmock("kerberos");
      vi.resetModules();
    }
  });
});

test.each([
  [
    { user: "a\0b" },
    "the user name or the authorization identity must not contain control characters or lone surrogates",
  ],
  [
    { authzid: "a\0b" },
    "the user name or the authorization identity must not contain control characters or lone surrogates",
  ],
  [
    { user: "\ud800" },
    "the user name or the authorization identity must not contain control characters or lone surrogates",
  ],
  [
    { user: "x".repeat(1025) },
    "the user name or the authorization identity for GSSAPI must have at most 1024 bytes",
  ],
  [
    { user: "\u00f6".repeat(513) },
    "the user name or the authorization identity for GSSAPI must have at most 1024 bytes",
  ],
])("rejects the identity %j", async (credentials, message) => {
  await refused("POP3_INVALID_ARGUMENT", () => begin(mechanism(), credentials), message);
});

test("accepts an identity of 1024 octets", async () => {
  const user = "\u00f6".repeat(512);
  const { kerberos, calls } = standIn();
  const exchange = await begin(
    gssapiFrom(async () => kerberos),
    { user },
  );
  await answer(exchange, "S1");
  await answer(exchange, "L");
  expect(calls.at(-1)).toEqual(["wrap", NO_LAYER, user]);
});

test("settles with a response or a typed error, whatever the server sends", async () => {
  await survives(mechanism(), ["S1", "L"]);
  await survives(mechanism({ layers: "\x02\0\0\0" }), ["S1"]);
  await survives(mechanism({ fails: "unwrap" }), ["S1"]);
});
