// Servers that lie in SCRAM and DIGEST-MD5: no proof is sent if the server's demands are too low or too high,
// and a server that accepts the login without its own proof is left at once.
import { describe, expect, test } from "vitest";
import type { Pop3Auth } from "../../../src/index.ts";
import {
  Pop3Server,
  type DigestMd5ServerOptions,
  type ScramServerOptions,
} from "../../../src/testing/index.ts";
import { ANN, attempt, type Attempt } from "./attempt.ts";
import { SECRET } from "../../support/secret.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const DIGESTS = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

interface Lies {
  readonly scram?: ScramServerOptions;
  readonly digestMd5?: DigestMd5ServerOptions;
  readonly faults?: readonly { on: string; nth?: number; reply?: string; before?: string; after?: string }[];
}

/** Logs in to a server that also offers PLAIN and LOGIN. */
async function against(lies: Lies, auth: Pop3Auth): Promise<Attempt> {
  await using server = await Pop3Server.listen({
    users: { ann: { pass: SECRET } },
    sasl: [...DIGESTS, "DIGEST-MD5", "PLAIN", "LOGIN"],
    ...lies,
  });
  return await attempt(server, auth);
}

/** The responses of the client, without base64; what begins its exchange is left out. */
function responses({ lines }: Attempt): string[] {
  return lines.slice(1).map((line) => (line === "*" ? line : Buffer.from(line, "base64").toString("utf8")));
}

const replaced =
  (pattern: RegExp | string, by: string) =>
  (message: string): string =>
    message.replace(pattern, by);

/** What is said first, and the code of the error. */
const FIRST: [string, ScramServerOptions, string][] = [
  ["one iteration", { iterations: 1 }, "POP3_SCRAM_ITERATIONS_LOW"],
  ["one iteration less than enough", { iterations: 4095 }, "POP3_SCRAM_ITERATIONS_LOW"],
  ...[
    ["4294967295", "POP3_SCRAM_ITERATIONS_HIGH"],
    ["100001", "POP3_SCRAM_ITERATIONS_HIGH"],
    ["1000000000", "POP3_SCRAM_ITERATIONS_HIGH"],
    ["9999999999", "POP3_SCRAM_ITERATIONS_HIGH"],
    ...["99999999999", "1e9", "00", "0", "-1", "5x", "4096 ", " 4096", "04096", "+4096", "4096.0"].map(
      (count) => [count, "POP3_AUTH_PROTOCOL"],
    ),
    ...["", "NaN", "Infinity", "0x1000", "\u0664\u0660\u0669\u0666"].map((count) => [
      count,
      "POP3_AUTH_PROTOCOL",
    ]),
  ].map(([count, code]): [string, ScramServerOptions, string] => [
    `i=${count as string}`,
    { serverFirst: replaced(/i=.*/, `i=${count as string}`) },
    code as string,
  ]),
  ...(
    [
      ["no iterations", /,i=.*/, ""],
      ["no salt", /s=[^,]*,/, ""],
      ["an empty salt", /s=[^,]*/, "s="],
      ["a salt that is not base64", /s=[^,]*/, "s=???"],
      ["a salt that is base64 almost", /s=[^,]*/, "s=YQ"],
      ["no nonce", /r=[^,]*,/, ""],
      ["an empty nonce", /r=[^,]*/, "r="],
      ["another nonce", /r=[^,]*/, "r=other"],
      ["a nonce that ends in the client's", /r=([^,]*)/, "r=x$1"],
      ["a nonce in other case than the client's", /r=./, "r=~"],
      ["a nonce with a control character", /r=([^,]*)/, "r=$1\x01"],
      ["a nonce with a letter of no ASCII", /r=([^,]*)/, "r=$1\u00e9"],
      ["an unknown extension", /^/, "m=ext,"],
      ["an extension at the end", /$/, ",m=ext"],
      ["an error", /.*/, "e=unknown-user"],
      ["another order", /^(r=[^,]*),(s=[^,]*)/, "$2,$1"],
      ["the attributes in capitals", /^r=/, "R="],
      ["a comma too much", /,/, ",,"],
      ["a comma at the end", /$/, ","],
      ["a NUL", /i=/, "i=\0"],
      ["a line end", /$/, "\r\n"],
      ["the server's last word", /.*/, "v=AAAA"],
      ["words", /.*/, "Password:"],
      ["nothing", /.*/, ""],
    ] as const
  ).map(([what, pattern, by]): [string, ScramServerOptions, string] => [
    what,
    { serverFirst: replaced(pattern, by) },
    "POP3_AUTH_PROTOCOL",
  ]),
];

describe.each(DIGESTS)("%s", (mechanism) => {
  test.each(FIRST)("sends no proof after %s", async (_, scram, code) => {
    const attempted = await against({ scram }, { ...ANN, mechanism });
    expect(attempted).toMatchObject({ code, state: "authorization" });
    expect(responses(attempted)).toEqual(["*"]);
  });

  test("accepts the client's own nonce from a server that adds nothing", async () => {
    const scram = { serverFirst: replaced(/r=([^,]*)/, "r=$1"), nonce: "" };
    const attempted = await against({ scram }, { ...ANN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_AUTH_PROTOCOL", kept: true });
    expect(responses(attempted)).toEqual(["*"]);
  });

  test.each<[string, (message: string) => string | undefined, string]>([
    ["a wrong signature", () => "v=AAAA", "POP3_SCRAM_SERVER_SIGNATURE"],
    [
      "one of the right length",
      () => `v=${Buffer.alloc(32).toString("base64")}`,
      "POP3_SCRAM_SERVER_SIGNATURE",
    ],
    ["one with a changed bit", replaced(/^v=(.)/, "v=~"), "POP3_SCRAM_SERVER_SIGNATURE"],
    ["one that is cut off", (message) => message.slice(0, -4), "POP3_SCRAM_SERVER_SIGNATURE"],
    ["an empty one", () => "v=", "POP3_AUTH_PROTOCOL"],
    ["an error", () => "e=other-error", "POP3_AUTH_PROTOCOL"],
    ["another attribute", replaced("v=", "V="), "POP3_AUTH_PROTOCOL"],
    ["an extension", replaced("v=", "m=ext,v="), "POP3_AUTH_PROTOCOL"],
    ["text", () => "welcome", "POP3_AUTH_PROTOCOL"],
    ["nothing", () => "", "POP3_AUTH_PROTOCOL"],
  ])("rejects %s as the last message", async (_, serverFinal, code) => {
    const attempted = await against({ scram: { serverFinal } }, { ...ANN, mechanism });
    expect(attempted).toMatchObject({ code, state: "authorization" });
    expect(responses(attempted)).toEqual([expect.stringMatching(/^c=biws,r=.*,p=/), "*"]);
  });

  test.each<[string, Lies]>([
    ["at once", { faults: [{ on: "AUTH", reply: "+OK logged in\r\n" }] }],
    ["after the client's proof", { scram: { serverFinal: () => undefined } }],
    [
      "after the client's proof, with text that looks like a proof",
      { faults: [{ on: "AUTH-RESPONSE", reply: "+OK v=AAAA\r\n" }] },
    ],
  ])("closes without sending anything after +OK without a proof, %s", async (how, lies) => {
    const attempted = await against(lies, { ...ANN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_SCRAM_SERVER_SIGNATURE", kept: false });
    expect(attempted.lines).toHaveLength(how === "at once" ? 1 : 2);
  });

  test("rejects a message after the last one", async () => {
    const faults = [{ on: "AUTH-RESPONSE", nth: 2, reply: "+ YQ==\r\n" }];
    const attempted = await against({ faults }, { ...ANN, mechanism });
    expect(attempted.code).toBe("POP3_AUTH_PROTOCOL");
    expect(responses(attempted).slice(1)).toEqual(["", "*"]);
  });

  test.each(["AUTH", "AUTH-RESPONSE"])("rejects an answer to %s that is followed by +OK", async (on) => {
    const attempted = await against({ faults: [{ on, after: "+OK\r\n" }] }, { ...ANN, mechanism });
    expect(attempted).toMatchObject({ code: "POP3_UNSOLICITED", kept: false });
    expect(attempted.lines).toHaveLength(on === "AUTH" ? 1 : 2);
  });
});

describe("auth.scram", () => {
  const mechanism = "SCRAM-SHA-256";

  test.each<[Pop3Auth["scram"], number, string]>([
    [undefined, 4096, "resolved"],
    [{ minIterations: 1 }, 1, "resolved"],
    [{ minIterations: 5000 }, 4999, "POP3_SCRAM_ITERATIONS_LOW"],
    [{ minIterations: 5000 }, 5000, "resolved"],
    [{ maxIterations: 4999 }, 5000, "POP3_SCRAM_ITERATIONS_HIGH"],
    [{ maxIterations: 5000 }, 5000, "resolved"],
    [{ maxIterations: Infinity }, 100_001, "resolved"],
  ])("%o, and the server asks for %i: %s", async (scram, iterations, code) => {
    const auth = { ...ANN, mechanism, ...(scram !== undefined && { scram }) };
    expect(await against({ scram: { iterations } }, auth)).toMatchObject({ code });
  });
});

describe("DIGEST-MD5", () => {
  const auth = { ...ANN, mechanism: "DIGEST-MD5" };
  const refuse = async (digestMd5: DigestMd5ServerOptions, code: string): Promise<Attempt> => {
    const attempted = await against({ digestMd5 }, auth);
    expect(attempted).toMatchObject({ code, state: "authorization" });
    return attempted;
  };

  test.each<[string, RegExp, string, string]>([
    ["no nonce", /nonce="[^"]*",/, "", "POP3_AUTH_PROTOCOL"],
    ["an empty nonce", /nonce="[^"]*"/, 'nonce=""', "POP3_AUTH_PROTOCOL"],
    ["two nonces", /$/, ',nonce="x"', "POP3_AUTH_PROTOCOL"],
    ["another algorithm", /md5-sess/, "md5", "POP3_AUTH_PROTOCOL"],
    ["no algorithm", /algorithm=[^,]*,/, "", "POP3_AUTH_PROTOCOL"],
    ["another charset", /utf-8/, "latin1", "POP3_AUTH_PROTOCOL"],
    ["a quote without end", /$/, ',x="', "POP3_AUTH_PROTOCOL"],
    ["a NUL", /$/, "\0", "POP3_AUTH_PROTOCOL"],
    ["a message of 2 KiB", /$/, `,x="${"x".repeat(2048)}"`, "POP3_AUTH_PROTOCOL"],
    ["text", /.*/, "Password:", "POP3_AUTH_PROTOCOL"],
    ["nothing", /.*/, "", "POP3_AUTH_PROTOCOL"],
    ["an offer of security layers only", /qop="auth"/, 'qop="auth-conf"', "POP3_NOT_SUPPORTED"],
    ["ISO 8859-1, if the password has other characters", /,charset=utf-8/, "", "POP3_INVALID_ARGUMENT"],
  ])("sends no digest after %s", async (_, pattern, by, code) => {
    const attempted = await refuse({ challenge: replaced(pattern, by) }, code);
    expect(responses(attempted)).toEqual(["*"]);
  });

  test.each(["rspauth=00000000000000000000000000000000", "rspauth=", "", "nonce=a"])(
    'rejects the proof "%s"',
    async (rspauth) => {
      const attempted = await refuse({ rspauth: () => rspauth }, "POP3_AUTH_PROTOCOL");
      expect(responses(attempted).at(-1)).toBe("*");
    },
  );

  test("closes without sending anything after +OK without a proof", async () => {
    const attempted = await against({ digestMd5: { rspauth: () => undefined } }, auth);
    expect(attempted).toMatchObject({ code: "POP3_AUTH_PROTOCOL", kept: false });
    expect(attempted.lines).toHaveLength(2);
  });
});
