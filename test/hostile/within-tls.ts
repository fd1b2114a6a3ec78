// TLS itself: the certificate, the version, renegotiation, and the end.
import { once } from "node:events";
import * as net from "node:net";
import { TLSSocket } from "node:tls";
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { makeCertificate, type Certificate, type Pop3ServerOptions } from "popwright/testing";
import { codeOf } from "../support/outcome.ts";
import { certificate } from "../support/certificate.ts";
import { until } from "../support/turns.ts";
import type { Case, Row } from "./row.ts";

/** Both ways into TLS, and what is said before it. */
const WAYS: readonly [string, (tls: Certificate) => Pop3ServerOptions, readonly string[]][] = [
  ["from the first octet", (tls) => ({ tls: { ...tls } }), ["* TLS"]],
  ["by STLS", (stls) => ({ stls: { ...stls } }), ["CAPA", "STLS", "* TLS"]],
];

function refused(
  row: string,
  name: string,
  theirs: Certificate,
  options: Partial<Pop3ClientOptions>,
): readonly Case[] {
  return WAYS.map(([way, server, told]) => ({
    row,
    name: `a certificate ${name} is rejected (TLS ${way})`,
    server: server(theirs),
    options,
    fails: "POP3_TLS_CERT",
    told,
  }));
}

const forged = makeCertificate({ names: ["localhost\0.evil.test"] });
const elsewhere = makeCertificate({ names: ["evil.test"] });

export const WITHIN_TLS: readonly Row[] = [
  ...refused("3A.19", "of an unknown authority", makeCertificate(), { tls: {} }),
  ...refused("3A.20", "for another name", elsewhere, {}),
  ...refused(
    "3A.20",
    "for `localhost` instead of the address",
    makeCertificate({ names: ["localhost"] }),
    {},
  ),
  ...WAYS.map(([way, server, told]): Case => ({
    row: "3A.20",
    name: `a server is not believed that calls itself by the name in its certificate (TLS ${way})`,
    server: {
      ...server(elsewhere),
      greeting: "evil.test POP3 server",
      capabilities: ["IMPLEMENTATION evil.test"],
    },
    fails: "POP3_TLS_CERT",
    told,
  })),
  ...refused("3A.21", "with a NUL in its name", forged, { host: "localhost", family: 4 }),
  {
    row: "3A.22",
    name: "no TLS version above 1.1: rejects",
    server: {
      tls: { ...certificate, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    },
    fails: "POP3_TLS_HANDSHAKE",
  },
  {
    row: "3A.23",
    name: "renegotiations between the replies: the session continues, and every call gets its own answer",
    play: () =>
      withRenegotiations(async (client) => {
        for (let n = 1; n <= 5; n++) expect((await client.command(`ECHO ${n}`)).text).toBe(String(n));
        client.close();
      }),
  },
  {
    row: "3A.23",
    name: "renegotiations instead of a reply do not extend its timeout",
    play: () =>
      withRenegotiations(async (client) => {
        expect(await codeOf(client.command("NEVER"))).toBe("POP3_COMMAND_TIMEOUT");
        expect(client.state).toBe("closed");
      }),
  },
  ...(["buffer", "stream"] as const).map((how): Case => ({
    row: "3A.24",
    name: `FIN without close_notify in the middle of a message (as a ${how})`,
    server: { tls: { ...certificate }, faults: [{ on: "RETR", cut: 20 }] },
    secret: "within TLS",
    calls: async (client) => {
      if (how === "buffer") return client.retr(1);
      const stream = client.retrStream(1);
      let ended = false;
      stream.on("end", () => (ended = true));
      const failed = once(stream, "error");
      stream.resume();
      const [error] = (await failed) as [Error];
      expect(ended).toBe(false);
      throw error;
    },
    fails: "POP3_TRUNCATED",
  })),
];

/** A server that asks for a new handshake after each line of the client, and answers every command but NEVER. */
async function withRenegotiations(use: (client: Pop3Client) => Promise<void>): Promise<void> {
  const sockets: TLSSocket[] = [];
  const server = net.createServer((socket) => {
    const stream = new TLSSocket(socket, { isServer: true, ...certificate, maxVersion: "TLSv1.2" });
    sockets.push(stream);
    const again = (): void => {
      if (!stream.destroyed) stream.renegotiate({ rejectUnauthorized: false }, () => undefined);
    };
    stream.on("error", () => socket.destroy());
    stream.once("secure", () => stream.write("+OK hello\r\n"));
    stream.on("data", (line: Buffer) => {
      again();
      const said = line.toString().trim();
      if (said !== "NEVER") stream.write(said.startsWith("ECHO") ? `+OK ${said.slice(5)}\r\n` : "-ERR\r\n");
      else for (let times = 1; times < 4; times++) setTimeout(again, 20 * times);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const client = await Pop3Client.connect({
    host: "127.0.0.1",
    port,
    tls: { ca: certificate.cert },
    timeouts: { command: 600 },
  });
  try {
    await use(client);
  } finally {
    await until(() => sockets.every(({ destroyed }) => destroyed));
    await new Promise((resolve) => server.close(resolve));
  }
}
