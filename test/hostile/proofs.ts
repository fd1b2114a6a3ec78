// SCRAM from a server that proves too little, or asks for too much.
import { expect } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ErrorCode } from "popwright";
import { Pop3Server, type ScramServerOptions } from "popwright/testing";
import { to } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import { SECRET } from "../support/secret.ts";
import { certificate } from "../support/certificate.ts";
import type { Case, Row } from "./row.ts";

const ANN: Pop3Auth = { user: "ann", pass: SECRET };

/** SCRAM by hand. Before a proof is sent the client says one line, and two with the "*" after it. */
function scram(
  row: string,
  name: string,
  wrong: ScramServerOptions,
  fails: Pop3ErrorCode,
  more: Partial<Case> = {},
): Case {
  return {
    ...{ row, name, fails },
    server: { sasl: ["SCRAM-SHA-256", "PLAIN"], scram: wrong },
    noLogin: true,
    calls: (client) => client.authenticate(ANN),
    told: ["CAPA", "AUTH SCRAM-SHA-256 ****", "*", "CAPA"],
    leaves: "authorization",
    ...more,
  };
}

const first = (pattern: RegExp, by: string): ScramServerOptions => ({
  serverFirst: (message) => message.replace(pattern, by),
});

const PROVEN = ["CAPA", "AUTH SCRAM-SHA-256 ****", "****"];

const ITERATIONS: Readonly<Record<string, Pop3ErrorCode>> = {
  "i=4294967295": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=1000000000": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=100001": "POP3_SCRAM_ITERATIONS_HIGH",
  "i=1e9": "POP3_AUTH_PROTOCOL",
  "i=00": "POP3_AUTH_PROTOCOL",
  "i=-1": "POP3_AUTH_PROTOCOL",
  "i=5x": "POP3_AUTH_PROTOCOL",
  "i=": "POP3_AUTH_PROTOCOL",
  "": "POP3_AUTH_PROTOCOL",
};

export const PROOFS: readonly Row[] = [
  scram("3B.55", "SCRAM with one iteration", { iterations: 1 }, "POP3_SCRAM_ITERATIONS_LOW"),
  scram("3B.55", "SCRAM with 4095 iterations", { iterations: 4095 }, "POP3_SCRAM_ITERATIONS_LOW"),
  ...Object.entries(ITERATIONS).map(([count, code]) =>
    scram("3B.56", `SCRAM with "${count}": nothing is computed`, first(/,?i=.*/, count && `,${count}`), code),
  ),
  scram("3B.57", "SCRAM with a nonce that is not ours", first(/r=[^,]*/, "r=other"), "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with a nonce that is ours alone", { nonce: "" }, "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM without salt", { salt: Buffer.alloc(0) }, "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with a salt that is not base64", first(/s=[^,]*/, "s=???"), "POP3_AUTH_PROTOCOL"),
  scram("3B.57", "SCRAM with an extension that has to be known", first(/^/, "m=ext,"), "POP3_AUTH_PROTOCOL"),
  scram(
    "3B.58",
    "SCRAM without the server's proof",
    { serverFinal: () => undefined },
    "POP3_SCRAM_SERVER_SIGNATURE",
    {
      told: PROVEN,
      leaves: "nothing",
    },
  ),
  ...["v=AAAA", "v=", "x"].map((final) =>
    scram(
      "3B.58",
      `SCRAM with "${final}" for the server's proof`,
      { serverFinal: () => final },
      final === "v=AAAA" ? "POP3_SCRAM_SERVER_SIGNATURE" : "POP3_AUTH_PROTOCOL",
      { told: [...PROVEN, "*", "CAPA"] },
    ),
  ),
  {
    row: "3B.59",
    name: "a binding is required, and only unbound mechanisms are listed",
    server: { tls: { ...certificate }, sasl: ["SCRAM-SHA-256", "PLAIN"] },
    options: { auth: { ...ANN, channelBinding: "required" } },
    secret: "nowhere",
    fails: "POP3_AUTH_NO_MECHANISM",
    told: ["* TLS", "CAPA"],
  },
  {
    row: "3B.59",
    name: "a binding is required that the connection does not have",
    play: async () => {
      const tls = { ...certificate };
      await using server = await Pop3Server.listen({
        users: { ann: { pass: SECRET } },
        sasl: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN"],
        tls,
      });
      const auth = { ...ANN, channelBinding: "required", bindingTypes: [] } as const;
      const options = to(server, { auth });
      expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_AUTH_NO_MECHANISM");
      await server.idle();
      expect(server.transcript.lines.filter((line) => line.startsWith("C: AUTH"))).toEqual([]);
    },
  },
];
