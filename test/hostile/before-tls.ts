// STLS with servers and attackers that want to avoid it.
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import { SECRET } from "../support/secret.ts";
import { OFFERED } from "../support/stls-attempt.ts";
import type { Step } from "../support/scripted-server.ts";
import type { Row } from "./row.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

/** Up to the reply to STLS, which follows. */
const ASKED: readonly Step[] = [...OFFERED, "C: STLS"];
/** STLS, and the login after it. */
const BEGUN: readonly Step[] = [...ASKED, "S: +OK begin", "* tls"];
const LOGIN: readonly Step[] = ["C: USER ann", "S: +OK", `C: PASS ${SECRET}`, "S: +OK", "C: CAPA", "S: -ERR"];

const INJECTED: Readonly<Record<string, [row: string, octets: string]>> = {
  "answers to commands that would follow": ["3A.5", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"],
  "half a line": ["3A.6", "+OK injec"],
  "an empty line": ["3A.8", "\r\n"],
  "a NUL": ["3A.8", "\0"],
  "a space": ["3A.8", " "],
};

export const BEFORE_TLS: readonly Row[] = [
  {
    row: "3A.1",
    name: "STLS is not listed: rejects",
    server: ["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: ."],
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "3A.2",
    name: "STLS is listed and refused: rejects",
    server: [...ASKED, "S: -ERR STARTTLS not supported."],
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "3A.3",
    name: "neither CAPA nor STLS is known: rejects",
    server: ["S: +OK hello", "C: CAPA", "S: -ERR unknown command", "C: STLS", "S: -ERR unknown command"],
    fails: "POP3_TLS_REQUIRED",
  },
  ...(["required", "if-offered"] as const).map((stls): Row => ({
    row: "3A.4",
    name: `STLS is refused, followed by answers to commands in clear text (stls: ${stls})`,
    server: [...ASKED, "S: -ERR unavailable", "S: +OK user", "S: +OK auth"],
    options: { stls, allowPlaintextAuth: true },
    fails: "POP3_TLS_INJECTION",
  })),
  ...Object.entries(INJECTED).map(([what, [row, injected]]): Row => ({
    row,
    name: `${what} in one packet with the reply to STLS: no ClientHello is sent`,
    server: [...ASKED, octets(`+OK begin\r\n${injected}`)],
    fails: "POP3_TLS_INJECTION",
  })),
  {
    row: "3A.7",
    name: "a reply in clear text after the client began the handshake",
    server: [...ASKED, "S: +OK begin", "* octets", "S: +OK fake"],
    fails: ["POP3_TLS_INJECTION", "POP3_TLS_HANDSHAKE"],
  },
  ...[1, 2, 3].map((chunk): Row => ({
    row: "3A.9",
    name: `the reply to STLS in packets of ${chunk} octets: no octet counts as injected`,
    server: [...BEGUN, "C: CAPA", "S: -ERR", ...LOGIN],
    how: { chunk },
    secret: "within TLS",
    calls: (client) => Promise.resolve(client.secure),
    gives: true,
    leaves: "transaction",
  })),
  {
    row: "3A.10",
    name: "a reply in clear text instead of the ServerHello",
    server: [...ASKED, "S: +OK begin", "* octets", "S: +OK hi", "* close"],
    fails: ["POP3_TLS_HANDSHAKE", "POP3_TLS_INJECTION"],
  },
  {
    row: "3A.11",
    name: "silence instead of the handshake",
    server: [...ASKED, "S: +OK begin", "* octets"],
    options: { timeouts: { tls: 60 } },
    fails: "POP3_TLS_TIMEOUT",
  },
  {
    row: "3A.12",
    name: "every answer up to TLS at once, before any command",
    server: ["S: +OK hello", "S: +OK caps", "S: STLS", "S: .", "S: +OK go"],
    fails: "POP3_UNSOLICITED",
  },
  {
    row: "3A.13",
    name: "STLS is answered by a word that begins with OK",
    server: [...ASKED, "S: +Okay do your thing"],
    fails: "POP3_PROTOCOL",
  },
  {
    row: "3A.14",
    name: "STLS is answered by a challenge",
    server: [...ASKED, "S: + "],
    fails: "POP3_PROTOCOL",
  },
  {
    row: "3A.15",
    name: "the reply to STLS is cut off by FIN",
    server: [...ASKED, octets("+OK"), "* close"],
    fails: "POP3_CLOSED",
  },
  {
    row: "3A.15",
    name: "the connection ends after the reply to STLS",
    server: [...ASKED, "S: +OK", "* octets", "* close"],
    fails: ["POP3_TLS_HANDSHAKE", "POP3_CLOSED"],
  },
  {
    row: "3A.16",
    name: "mechanisms listed in clear text are ignored within TLS, even if CAPA is refused there",
    server: [
      ...["S: +OK hello", "C: CAPA", "S: +OK", "S: STLS", "S: PIPELINING", "S: SASL PLAIN CRAM-MD5 XINJECT"],
      ...["S: .", "C: STLS", "S: +OK begin", "* tls", "C: CAPA", "S: -ERR", ...LOGIN],
    ],
    secret: "within TLS",
    calls: ({ capabilities }) => Promise.resolve([capabilities.pipelining, capabilities.all.size]),
    gives: [false, 0],
    leaves: "transaction",
  },
  {
    row: "3A.17",
    name: "STLS listed within TLS is not started again, and rejects by hand",
    server: [...BEGUN, "C: CAPA", "S: +OK", "S: STLS", "S: ."],
    noLogin: true,
    calls: async (client) => {
      await expect(client.stls()).rejects.toMatchObject({ code: "POP3_STATE" });
      return client.capabilities.stls;
    },
    gives: true,
    leaves: "authorization",
  },
  {
    row: "3A.18",
    name: "the capabilities within TLS never end: silence",
    server: [...BEGUN, "C: CAPA", "S: +OK", "S: USER"],
    elapses: 60_000,
    fails: "POP3_COMMAND_TIMEOUT",
  },
  {
    row: "3A.18",
    name: "the capabilities within TLS never end: lines",
    server: [...BEGUN, "C: CAPA", "S: +OK", octets("X-MORE\r\n".repeat(20_000))],
    fails: "POP3_RESPONSE_TOO_LARGE",
  },
  {
    row: "3A.25",
    name: "a timestamp sent in clear text is ignored within TLS",
    server: [...BEGUN, "C: CAPA", "S: +OK", "S: USER", "S: ."],
    options: { auth: { user: "ann", pass: SECRET, mechanism: "APOP" } },
    fails: "POP3_AUTH_NO_MECHANISM",
  },
  {
    row: "3A.25",
    name: "a timestamp sent in clear text is ignored within TLS by hand, too",
    server: [...BEGUN, "C: CAPA", "S: +OK", "S: ."],
    noLogin: true,
    calls: (client) => expectCode(client.apop("ann", SECRET), "POP3_NOT_SUPPORTED"),
    leaves: "authorization",
  },
  {
    row: "3A.26",
    name: 'stls "if-offered" without an offer: the password is not sent',
    server: ["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: ."],
    options: { stls: "if-offered" },
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "3A.26",
    name: 'stls "if-offered" without an offer: the password is sent in clear text if allowed, and the client shows it',
    differs: "no warning is emitted: `secure` and `tlsInfo` show it, and the caller set allowPlaintextAuth",
    server: ["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: .", ...LOGIN],
    options: { stls: "if-offered", allowPlaintextAuth: true },
    secret: "in clear",
    calls: async (client: Pop3Client) => {
      await turn();
      return [client.secure, client.tlsInfo];
    },
    gives: [false, undefined],
    leaves: "transaction",
  },
];

async function expectCode(call: Promise<unknown>, code: string): Promise<void> {
  await expect(call).rejects.toMatchObject({ code });
}
