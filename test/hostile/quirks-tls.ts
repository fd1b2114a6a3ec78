// What real servers do with STLS and TLS, and how the client reacts.
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { makeCertificate, Pop3Server } from "popwright/testing";
import { SECRET } from "../support/secret.ts";
import type { Step } from "../support/scripted-server.ts";
import { certificate } from "../support/certificate.ts";
import { OFFERED } from "../support/stls-attempt.ts";
import type { Row } from "./row.ts";
import { octets } from "./steps.ts";

const ASKED: readonly Step[] = [...OFFERED, "C: STLS"];
const LOGIN: readonly Step[] = ["C: USER ann", "S: +OK", `C: PASS ${SECRET}`, "S: +OK", "C: CAPA", "S: -ERR"];
const OPPORTUNISTIC: Partial<Pop3ClientOptions> = { stls: "if-offered", allowPlaintextAuth: true };
/** What Node and OpenSSL need to be told before they speak TLS 1.1. */
const OLD = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;

export const QUIRKS_TLS: readonly Row[] = [
  ...["+OK\r\nUSER\r\n.\r\n", "junk", "\r\n"].map((text): Row => ({
    row: "Q.33",
    name: `in one packet with the reply to STLS: ${JSON.stringify(text)}`,
    server: [...ASKED, octets(`+OK begin\r\n${text}`)],
    fails: "POP3_TLS_INJECTION",
  })),
  {
    row: "Q.34",
    name: "STLS is required and refused",
    server: [...ASKED, "S: -ERR not now"],
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "Q.34",
    name: "STLS is refused, and a password in clear text is not allowed",
    server: [...ASKED, "S: -ERR not now"],
    options: { stls: "if-offered" },
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "Q.34",
    name: "STLS is refused, and a password in clear text is allowed",
    server: [...ASKED, "S: -ERR not now", ...LOGIN],
    // The greeting has a timestamp, so APOP would be preferred.
    options: { ...OPPORTUNISTIC, auth: { user: "ann", pass: SECRET, mechanism: "USER" } },
    secret: "in clear",
    calls: ({ secure }) => Promise.resolve(secure),
    gives: false,
    leaves: "transaction",
  },
  {
    row: "Q.35",
    name: "STLS is required and not listed",
    server: ["S: +OK hello", "C: CAPA", "S: +OK", "S: USER", "S: SASL PLAIN", "S: ."],
    fails: "POP3_TLS_REQUIRED",
  },
  {
    row: "Q.35",
    name: "STLS is required and CAPA is unknown: STLS is tried",
    server: [
      ...["S: +OK hello", "C: CAPA", "S: -ERR", "C: STLS", "S: +OK begin", "* tls", "C: CAPA", "S: -ERR"],
      ...LOGIN,
    ],
    secret: "within TLS",
    calls: ({ secure }) => Promise.resolve(secure),
    gives: true,
    leaves: "transaction",
  },
  {
    row: "Q.35",
    name: "STLS is required and capa is false: STLS is tried",
    server: ["S: +OK hello", "C: STLS", "S: +OK begin", "* tls", ...LOGIN.slice(0, -2)],
    options: { capa: false },
    secret: "within TLS",
    calls: ({ secure }) => Promise.resolve(secure),
    gives: true,
    leaves: "transaction",
  },
  {
    row: "Q.36",
    name: "capabilities listed in clear text are forgotten, and requested again",
    server: [
      ...["S: +OK hello", "C: CAPA", "S: +OK", "S: STLS", "S: SASL PLAIN", "S: TOP", "S: .", "C: STLS"],
      ...["S: +OK begin", "* tls", "C: CAPA", "S: +OK", "S: SASL SCRAM-SHA-256", "S: UIDL", "S: ."],
    ],
    noLogin: true,
    calls: ({ capabilities }) => Promise.resolve([capabilities.sasl, [...capabilities.all.keys()]]),
    gives: [["SCRAM-SHA-256"], ["SASL", "UIDL"]],
    leaves: "authorization",
  },
  {
    row: "Q.37",
    name: "STLS is offered, and the handshake fails: nothing more is sent in clear text",
    server: [...ASKED, "S: +OK begin", "* octets", octets("no TLS here\r\n")],
    options: OPPORTUNISTIC,
    fails: ["POP3_TLS_HANDSHAKE", "POP3_TLS_INJECTION"],
  },
  {
    row: "Q.38",
    name: "silence after STLS",
    server: [...ASKED, "S: +OK begin", "* octets"],
    options: { timeouts: { tls: 60 } },
    fails: "POP3_TLS_TIMEOUT",
  },
  {
    row: "Q.39",
    name: "STLS by hand within TLS: nothing is sent",
    server: { tls: { ...certificate } },
    noLogin: true,
    calls: (client) => client.stls(),
    fails: "POP3_STATE",
    leaves: "authorization",
    told: ["* TLS", "CAPA", "CAPA"],
  },
  {
    row: "Q.40",
    name: "TLS from the first octet, and the server greets in clear text: the error names the likely cause",
    server: ["S: +OK hello", "* octets"],
    options: { secure: true, stls: "never" },
    fails: "POP3_TLS_HANDSHAKE",
    error: { message: expect.stringContaining("it may expect STLS") as string },
  },
  {
    row: "Q.40",
    name: "STLS, and the server waits for TLS from the first octet",
    differs: "the error is that of a missing greeting: both sides wait, and the cause is not visible",
    server: { tls: { ...certificate } },
    options: { secure: false, stls: "required", timeouts: { greeting: 60 } },
    fails: "POP3_GREETING_TIMEOUT",
    told: ["* TLS"],
  },
  {
    row: "Q.40",
    name: "STLS, and a server that waits for TLS closes the connection",
    differs: "the error is that of a closed connection: the cause is not visible",
    server: ["* close"],
    fails: "POP3_CLOSED",
  },
  {
    row: "Q.41",
    name: "an address is not sent as a server name, and a server name can be given",
    play: async () => {
      const { cert, key } = makeCertificate({ names: ["127.0.0.1", "pop.mail.test"] });
      const asked: string[] = [];
      await using server = await Pop3Server.listen({
        tls: {
          cert,
          key,
          SNICallback: (name, done) => {
            asked.push(name);
            done(null);
          },
        },
      });
      const { host, port } = server;
      for (const tls of [{ ca: cert }, { ca: cert, servername: "pop.mail.test" }]) {
        const client = await Pop3Client.connect({ host, port, tls });
        expect(client.tlsInfo?.authorized).toBe(true);
        await client.quit();
      }
      expect(asked).toEqual(["pop.mail.test"]);
    },
  },
  {
    row: "Q.42",
    name: "no TLS version above 1.1",
    server: { tls: { ...certificate, ...OLD } },
    fails: "POP3_TLS_HANDSHAKE",
  },
  {
    row: "Q.42",
    name: "no TLS version above 1.1, with a client that allows it",
    server: { tls: { ...certificate, ...OLD } },
    options: { tls: { ca: certificate.cert, minVersion: "TLSv1", ciphers: OLD.ciphers } },
    noLogin: true,
    calls: ({ tlsInfo }) => Promise.resolve(tlsInfo?.protocol),
    gives: "TLSv1.1",
    leaves: "authorization",
  },
];
