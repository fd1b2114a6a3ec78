// Ways to a server: a new connection, the caller's stream, a proxy; and options that contradict each other.
import { once } from "node:events";
import * as net from "node:net";
import { expect } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { Pop3Server } from "popwright/testing";
import { listen, said, to } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import { ProxyServer, tunnelTo } from "../support/proxy-server.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { SECRET } from "../support/secret.ts";
import { certificate } from "../support/certificate.ts";
import type { Case, Row } from "./row.ts";
import { MESSAGES } from "./stage.ts";
import { theWitness } from "./witness.ts";

const auth = { user: "ann", pass: SECRET };
const users = { ann: { pass: SECRET, messages: MESSAGES } };

export const WAYS_IN: readonly Row[] = [
  {
    row: "3A.27",
    name: "a TLS session is never resumed from one that started in clear text with the same server",
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
    name: "TLS from the first octet on the caller's stream",
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
    name: "a stream of the caller that emits no octets: nothing is written to it",
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
    name: "TLS from the first octet and STLS together are rejected",
    server: [],
    options: { secure: true, stls: "required" },
    fails: "POP3_CONFIG",
  },
  {
    row: "3A.29",
    name: "TLS from the first octet at a port for STLS: nothing is sent in clear text",
    server: ["S: +OK hello", "* octets"],
    options: { secure: true, stls: "never" },
    fails: "POP3_TLS_HANDSHAKE",
  },
  {
    row: "3A.29",
    name: "STLS at a port for TLS from the first octet: nothing is sent in clear text",
    server: { tls: { ...certificate } },
    options: { secure: false, stls: "required", timeouts: { greeting: 60 } },
    fails: "POP3_GREETING_TIMEOUT",
    told: ["* TLS"],
  },
  {
    row: "3A.30",
    name: "octets after the answer of a proxy are never read as TLS, nor as decrypted data",
    play: async () => {
      await using server = await Pop3Server.listen({ users, tls: { ...certificate } });
      const answer = "HTTP/1.1 200 OK\r\n\r\n+OK injected\r\n";
      await using proxy = await ProxyServer.listen(tunnelTo(server.port, answer));
      expect(await through(proxy, to(server, { auth }))).toBe("POP3_TLS_INJECTION");
    },
  },
  {
    row: "3A.30",
    name: "octets after the answer of a proxy are the greeting if the server speaks clear text",
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
    name: "the answer of a proxy has no end",
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
      name: `${JSON.stringify(host)} is not a host: the proxy is not used`,
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
