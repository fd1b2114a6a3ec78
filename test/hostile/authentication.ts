// Timestamps, lists of mechanisms and challenges that try to obtain a secret.
import { expect } from "vitest";
import { apopDigest, Pop3Client, type Pop3Auth, type SaslMechanism } from "popwright";
import { offering, offeringApop, toScript } from "../support/ann.ts";
import { ScriptedServer, type Step } from "../support/scripted-server.ts";
import { base64, SECRET, TIMESTAMP } from "../support/secret.ts";
import type { Case, Row } from "./row.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const ANN: Pop3Auth = { user: "ann", pass: SECRET };
const PLAIN = base64(`\0ann\0${SECRET}`);
const IN: readonly Step[] = ["S: +OK", "C: CAPA", "S: -ERR"];

const TIMESTAMPS: Readonly<Record<string, readonly [name: string, timestamp: string][]>> = {
  "3B.42": [["octets that are not text", "<\x80\xff\xfe\x01@\xde\xad>"]],
  "3B.43": [
    ["no at sign", "<abc>"],
    ["only an at sign", "<@>"],
    ["no domain", "<a@>"],
    ["a space", "<a b@c>"],
    ["one bracket too many", "<a@b>>"],
    ["another one after it", "<a@b> <c@d>"],
    ["more than 250 octets", `<${"a".repeat(248)}@b>`],
  ],
};

const CAPA_OF = (...lines: string[]): readonly Step[] => [
  "S: +OK hello",
  "C: CAPA",
  "S: +OK",
  ...lines,
  "S: .",
];

/** Answers every challenge with one octet. */
const patient: SaslMechanism = {
  name: "X-PATIENT",
  cleartext: false,
  start: () => ({ respond: () => Buffer.from("!") }),
};

const NONSENSE = ["===", "YWJjY", "what?", "YW Jj"];
const CRAM: readonly Step[] = [...offering("SASL CRAM-MD5 PLAIN", "USER"), "C: AUTH CRAM-MD5"];

/** By hand, so that what is left of the session is seen. */
function byHand(auth: Partial<Pop3Auth>): Pick<Case, "noLogin" | "calls"> {
  return { noLogin: true, calls: (client) => client.authenticate({ ...ANN, ...auth }) };
}

export const AUTHENTICATION: readonly Row[] = [
  ...Object.entries(TIMESTAMPS).flatMap(([row, timestamps]) =>
    timestamps.flatMap(([name, timestamp]): Row[] => [
      {
        row,
        name: `APOP computes no digest for a timestamp with ${name}`,
        differs: "it does not count as a timestamp: APOP is not offered, and has no error of its own",
        server: [octets(`+OK hello ${timestamp}\r\n`), "C: CAPA", "S: -ERR"],
        options: { auth: { ...ANN, mechanism: "APOP" } },
        secret: "nowhere",
        fails: "POP3_AUTH_NO_MECHANISM",
      },
      {
        row,
        name: `apop() by hand rejects a timestamp with ${name}`,
        server: [octets(`+OK hello ${timestamp}\r\n`), "C: CAPA", "S: -ERR"],
        noLogin: true,
        calls: (client) => client.apop("ann", SECRET),
        secret: "nowhere",
        fails: "POP3_NOT_SUPPORTED",
        leaves: "authorization",
      },
    ]),
  ),
  {
    row: "3B.44",
    name: "APOP accepts the timestamp of an earlier session",
    differs: "nothing is remembered between sessions: a caller who requests APOP trusts the server's clock",
    play: async () => {
      const line = `C: APOP ann ${apopDigest(TIMESTAMP, SECRET)}`;
      await using server = await ScriptedServer.listen([
        `S: +OK ${TIMESTAMP}`,
        "C: CAPA",
        "S: -ERR",
        line,
        ...IN,
      ]);
      for (const session of [1, 2]) {
        const client = await Pop3Client.connect(toScript(server, { auth: { ...ANN, mechanism: "APOP" } }));
        client.close();
        expect(server.connections).toBe(session);
      }
      await server.played();
    },
  },
  {
    row: "3B.45",
    name: "APOP offered in clear text is not chosen instead of a password that must not be sent",
    server: [`S: +OK hello ${TIMESTAMP}`, "C: CAPA", "S: -ERR"],
    options: { allowPlaintextAuth: false },
    secret: "nowhere",
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "3B.45",
    name: "APOP in clear text goes before a password that may be sent",
    server: [
      `S: +OK ${TIMESTAMP}`,
      "C: CAPA",
      "S: -ERR",
      `C: APOP ann ${apopDigest(TIMESTAMP, SECRET)}`,
      ...IN,
    ],
    calls: (client) => Promise.resolve(client.state),
    gives: "transaction",
    leaves: "transaction",
  },
  {
    row: "3B.46",
    name: "SCRAM is requested, and only PLAIN is offered: rejects",
    server: CAPA_OF("S: SASL PLAIN LOGIN", "S: USER"),
    options: { auth: { ...ANN, mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-1"] } },
    secret: "nowhere",
    fails: "POP3_AUTH_NO_MECHANISM",
  },
  {
    row: "3B.47",
    name: "SCRAM is refused: no weaker mechanism is tried with the same secret",
    server: { users: { ann: { pass: "another" } }, sasl: ["SCRAM-SHA-256", "PLAIN", "LOGIN"] },
    fails: "POP3_AUTH_REJECTED",
    told: ["CAPA", "AUTH SCRAM-SHA-256 ****", "****"],
  },
  {
    row: "3B.48",
    name: "APOP is refused: no USER and PASS follow",
    server: [...offeringApop("USER", "SASL PLAIN"), /^APOP ann [0-9a-f]{32}$/, "S: -ERR permission denied"],
    options: { auth: { ...ANN, mechanism: "APOP" } },
    fails: "POP3_AUTH_REJECTED",
  },
  {
    row: "3B.49",
    name: "PLAIN is found among 10,000 mechanisms",
    server: [
      ...CAPA_OF(`S: SASL ${Array.from({ length: 9998 }, (_, index) => `X${index}`).join(" ")} PLAIN`),
      ...[`C: AUTH PLAIN ${PLAIN}`, ...IN],
    ],
    calls: (client) => Promise.resolve(client.capabilities.sasl),
    gives: expect.any(Array),
    leaves: "transaction",
  },
  {
    row: "3B.49",
    name: "100 KB of mechanisms are rejected",
    server: [...CAPA_OF(`S: SASL ${"X-MECHANISM ".repeat(9000)}PLAIN`)],
    secret: "nowhere",
    fails: "POP3_RESPONSE_TOO_LARGE",
  },
  {
    row: "3B.49",
    name: "every known mechanism is offered: the client's order decides, not the first in the list",
    server: [
      ...CAPA_OF(
        "S: SASL ANONYMOUS EXTERNAL GSSAPI PLAIN LOGIN CRAM-MD5 DIGEST-MD5 XOAUTH2 OAUTHBEARER NTLM SCRAM-SHA-1",
        "S: SASL SCRAM-SHA-256 SCRAM-SHA-512 SCRAM-SHA-512-PLUS",
      ),
      ...[/^AUTH SCRAM-SHA-512 /, "S: -ERR"],
    ],
    fails: "POP3_AUTH_REJECTED",
  },
  ...["+", "+ ", "+ junk, not base64", "+ ==="].map((prompt): Row => ({
    row: "3B.50",
    name: `PLAIN sends its message after ${JSON.stringify(prompt)}`,
    server: [...offering("SASL PLAIN"), "C: AUTH PLAIN", `S: ${prompt}`, `C: ${PLAIN}`, ...IN],
    options: { auth: { ...ANN, initialResponse: false } },
    calls: (client) => Promise.resolve(client.state),
    gives: "transaction",
    leaves: "transaction",
  })),
  ...NONSENSE.map((challenge, index): Row => ({
    row: index < 2 ? "3B.51" : "3B.50",
    name: `the challenge ${JSON.stringify(challenge)} is answered with "*" if the mechanism reads challenges`,
    server: [...CRAM, `S: + ${challenge}`, "C: *", "S: -ERR cancelled"],
    ...byHand({ mechanism: "CRAM-MD5" }),
    secret: "nowhere",
    fails: "POP3_AUTH_PROTOCOL",
    leaves: "authorization",
  })),
  {
    row: "3B.51",
    name: "a challenge beyond its limit is cancelled",
    server: [...CRAM, `S: + ${base64("x".repeat(200))}`, "C: *", "S: -ERR cancelled"],
    ...byHand({ mechanism: "CRAM-MD5" }),
    options: { limits: { challenge: 99 } },
    secret: "nowhere",
    fails: "POP3_CHALLENGE_TOO_LARGE",
    leaves: "authorization",
  },
  {
    row: "3B.51",
    name: "a challenge of a megabyte is not read to its end",
    differs: "POP3_LINE_TOO_LONG: a line far beyond the limit of a challenge is too long as a line, too",
    server: [...CRAM, octets(`+ ${"YWFh".repeat(262_144)}\r\n`)],
    options: { auth: { ...ANN, mechanism: "CRAM-MD5" } },
    secret: "nowhere",
    fails: ["POP3_LINE_TOO_LONG", "POP3_CHALLENGE_TOO_LARGE"],
  },
  {
    row: "3B.52",
    name: 'challenges without end: sixteen are answered, the next one with "*"',
    server: [
      ...[...offering("SASL X-PATIENT"), "C: AUTH X-PATIENT"],
      ...Array.from({ length: 16 }, () => ["S: + ", "C: IQ=="]).flat(),
      ...["S: + ", "C: *", "S: -ERR cancelled"],
    ],
    ...byHand({ mechanism: patient }),
    secret: "nowhere",
    fails: "POP3_AUTH_PROTOCOL",
    leaves: "authorization",
  },
  {
    row: "3B.53",
    name: "-ERR instead of a challenge ends the exchange, and is not read as base64",
    server: [...offering("SASL LOGIN"), "C: AUTH LOGIN", "S: + VXNlcjo=", "C: YW5u", "S: -ERR YWJj"],
    ...byHand({}),
    secret: "nowhere",
    fails: "POP3_AUTH_REJECTED",
    error: { text: "YWJj" },
    leaves: "authorization",
  },
  {
    row: "3B.54",
    name: '"*" is not answered: a timeout ends the session',
    server: [...CRAM, "S: + what?", "C: *"],
    options: { auth: { ...ANN, mechanism: "CRAM-MD5" } },
    elapses: 60_000,
    secret: "nowhere",
    fails: "POP3_COMMAND_TIMEOUT",
  },
  ...["+OK welcome", "+ YWJj"].map((answer): Row => ({
    row: "3B.54",
    name: `"*" is answered by ${answer}: the login fails`,
    server: [...CRAM, "S: + what?", "C: *", `S: ${answer}`],
    options: { auth: { ...ANN, mechanism: "CRAM-MD5" } },
    secret: "nowhere",
    fails: "POP3_PROTOCOL",
  })),
];
