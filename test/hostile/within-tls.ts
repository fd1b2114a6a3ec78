// TLS itself: whose certificate it is, how old, over what, and how it ends.
import { once } from "node:events";
import * as net from "node:net";
import { TLSSocket } from "node:tls";
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { makeCertificate, Pop3Server, type Certificate, type Pop3ServerOptions } from "popwright/testing";
import { listen, said, to } from "../client/ann.ts";
import { codeOf } from "../client/outcome.ts";
import { ProxyServer, tunnelTo } from "../client/proxy-server.ts";
import { ScriptedServer } from "../client/scripted-server.ts";
import { SECRET } from "../client/secret.ts";
import { certificate } from "../client/stls-attempt.ts";
import { until } from "../faults/turns.ts";
import type { Case, Row } from "./row.ts";
import { MESSAGES } from "./stage.ts";
import { theWitness } from "./witness.ts";

const auth = { user: "ann", pass: SECRET };
const users = { ann: { pass: SECRET, messages: MESSAGES } };

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
    name: `a certificate ${name} (TLS ${way})`,
    server: server(theirs),
    options,
    fails: "POP3_TLS_CERT",
    told,
  }));
}

const forged = makeCertificate({ names: ["localhost\0.evil.test"] });
const elsewhere = makeCertificate({ names: ["evil.test"] });

export const WITHIN_TLS: readonly Row[] = [
  ...refused("3A.19", "that nobody we know has signed", makeCertificate(), { tls: {} }),
  ...refused("3A.20", "for another name", elsewhere, {}),
  ...refused(
    "3A.20",
    "for `localhost`, where we have an address",
    makeCertificate({ names: ["localhost"] }),
    {},
  ),
  ...WAYS.map(([way, server, told]): Case => ({
    row: "3A.20",
    name: `a server that calls itself by the name in its certificate is not believed (TLS ${way})`,
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
    name: "nothing better than TLS 1.1",
    server: {
      tls: { ...certificate, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
    },
    fails: "POP3_TLS_HANDSHAKE",
  },
  {
    row: "3A.23",
    name: "renegotiations between the replies: the session goes on, and every answer is its own",
    play: () =>
      withRenegotiations(async (client) => {
        for (let n = 1; n <= 5; n++) expect((await client.command(`ECHO ${n}`)).text).toBe(String(n));
        client.close();
      }),
  },
  {
    row: "3A.23",
    name: "renegotiations in place of a reply do not put its clock off",
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
  {
    row: "3A.27",
    name: "a session with TLS is never one that was begun in clear to the same server",
    play: async () => {
      await using server = await listen({ users, stls: certificate });
      const plain = await Pop3Client.connect(to(server, { stls: "never" }));
      const secure = await Pop3Client.connect(to(server, { auth }));
      expect([plain.secure, secure.secure, server.connections]).toEqual([false, true, 2]);
      plain.close();
      await secure.quit();
      await server.idle();
      expect(server.transcript.sessions[0]).not.toContain("* TLS");
      expect(server.transcript.sessions[1]).toContain("* TLS");
    },
  },
  {
    row: "3A.28",
    name: "TLS from the first octet on a stream of the caller's",
    play: async () => {
      await using server = await Pop3Server.listen({ users, tls: { ...certificate } });
      const socket = net.connect(server.port, server.host);
      await once(socket, "connect");
      const client = await Pop3Client.connect(to(server, { socket, auth }));
      expect(client.tlsInfo?.authorized).toBe(true);
      await client.quit();
      await server.idle();
      expect(said(server)[0]).toBe("* TLS");
    },
  },
  {
    row: "3A.28",
    name: "a stream of the caller's that gives no octets: nothing is written to it",
    play: async () => {
      await using server = await Pop3Server.listen({ users, tls: { ...certificate } });
      const socket = net.connect(server.port, server.host);
      await once(socket, "connect");
      socket.setEncoding("utf8");
      expect(await codeOf(Pop3Client.connect(to(server, { socket, auth })))).toBe("POP3_CONFIG");
      expect(socket.bytesWritten).toBe(0);
      await server.idle();
    },
  },
  {
    row: "3A.29",
    name: "TLS from the first octet and STLS are not both to be had",
    server: [],
    options: { secure: true, stls: "required" },
    fails: "POP3_CONFIG",
  },
  {
    row: "3A.29",
    name: "TLS from the first octet at a port for STLS: no word in clear",
    server: ["S: +OK hello", "* octets"],
    options: { secure: true, stls: "never" },
    fails: "POP3_TLS_HANDSHAKE",
  },
  {
    row: "3A.29",
    name: "STLS at a port for TLS from the first octet: no word in clear",
    server: { tls: { ...certificate } },
    options: { secure: false, stls: "required", timeouts: { greeting: 60 } },
    fails: "POP3_GREETING_TIMEOUT",
    told: ["* TLS"],
  },
  {
    row: "3A.30",
    name: "octets behind the answer of a proxy are never taken for TLS, nor behind it",
    play: async () => {
      await using server = await Pop3Server.listen({ users, tls: { ...certificate } });
      const answer = "HTTP/1.1 200 OK\r\n\r\n+OK injected\r\n";
      await using proxy = await ProxyServer.listen(tunnelTo(server.port, answer));
      expect(await through(proxy, to(server, { auth }))).toBe("POP3_TLS_INJECTION");
    },
  },
  {
    row: "3A.30",
    name: "octets behind the answer of a proxy are the greeting, where the server speaks in clear",
    differs: "they do not fail: a server's greeting may come in one packet with the proxy's answer",
    play: async () => {
      await using server = await ScriptedServer.listen(["C: CAPA", "S: -ERR", "C: QUIT", "S: +OK"]);
      const answer = "HTTP/1.1 200 OK\r\n\r\n+OK hello\r\n";
      await using proxy = await ProxyServer.listen(tunnelTo(server.port, answer));
      const url = `http://127.0.0.1:${proxy.port}`;
      const way = { host: "mail.test", port: server.port, secure: false, stls: "never", proxy: url } as const;
      const client = await Pop3Client.connect(way);
      expect(client.greeting).toBe("hello");
      await client.quit();
      await server.played();
    },
  },
  {
    row: "3A.30",
    name: "the answer of a proxy without end",
    play: async () => {
      await using proxy = await ProxyServer.listen((client) => {
        client.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}`);
        return Promise.resolve(undefined);
      });
      expect(await through(proxy, { host: "mail.test", auth })).toBe("POP3_CONNECT");
    },
  },
  ...["mail.test\r\nX: y", "mail.test\n", "mail test", "mail.test/x", "a@mail.test", ""].map(
    (host): Case => ({
      row: "3A.30",
      name: `${JSON.stringify(host)} is no host: no proxy is asked`,
      server: [],
      options: { host, proxy: "http://127.0.0.1:9" },
      fails: "POP3_CONFIG",
    }),
  ),
];

async function through(proxy: ProxyServer, options: Pop3ClientOptions): Promise<string> {
  const url = `http://me:${encodeURIComponent(SECRET)}@127.0.0.1:${proxy.port}`;
  const [error] = await Promise.allSettled([Pop3Client.connect({ ...options, proxy: url })]);
  theWitness().saw(error);
  return codeOf(error.status === "rejected" ? Promise.reject(error.reason as Error) : Promise.resolve());
}

/** A server that asks for a new handshake behind each line of the client, and answers all but NEVER. */
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
