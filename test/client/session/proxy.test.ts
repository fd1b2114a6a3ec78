// Through a proxy: it learns the address of the server. Its answers are limited, checked, and never read as
// the server's.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { Pop3Server } from "popwright/testing";
import { codeOf } from "../../support/outcome.ts";
import { ProxyServer, reach, socks5To, tunnelTo, type Handshake } from "../../support/proxy-server.ts";

const USERS = { ann: { pass: "secret", messages: ["Subject: hello\r\n\r\nworld\r\n"] } };
const AUTH = { user: "ann", pass: "secret" };

function through(
  server: Pop3Server,
  proxy: string,
  more: Partial<Pop3ClientOptions> = {},
): Pop3ClientOptions {
  return {
    // The name is the proxy's to resolve; the certificate is checked for it all the same.
    host: "localhost",
    port: server.port,
    secure: server.secure,
    tls: { ca: server.ca },
    auth: AUTH,
    proxy,
    ...more,
  };
}

describe.each([true, false])("HTTP CONNECT (TLS from the first octet: %s)", (tls) => {
  test("reaches the server, and sends its name, its port and the credentials", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls });
    await using proxy = await ProxyServer.listen(tunnelTo(server.port));
    const url = `http://me:p%40ss@127.0.0.1:${proxy.port}`;
    const client = await Pop3Client.connect(through(server, url));
    expect(client.secure).toBe(true);
    expect((await client.retr(1)).toString()).toBe("Subject: hello\r\n\r\nworld\r\n");
    await client.quit();
    expect(proxy.asked[0]).toBe(
      `CONNECT localhost:${server.port} HTTP/1.1\r\nHost: localhost:${server.port}\r\n` +
        `Proxy-Authorization: Basic ${Buffer.from("me:p@ss").toString("base64")}\r\n\r\n`,
    );
  });

  test.each<[string, Handshake]>([
    ["refuses", (client) => (client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), none())],
    ["speaks another protocol", (client) => (client.end("+OK POP3 ready\r\n\r\n"), none())],
    ["closes", (client) => (client.end(), none())],
    ["resets", (client) => (client.resetAndDestroy(), none())],
    [
      "sends a header without an end",
      (client) => (client.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}`), none()),
    ],
  ])("that %s gives a connection error without its password", async (_, handshake) => {
    await using server = await Pop3Server.listen({ users: USERS, tls });
    await using proxy = await ProxyServer.listen(handshake);
    const failure = await Pop3Client.connect(
      through(server, `http://me:hunter2@127.0.0.1:${proxy.port}`),
    ).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(failure).toMatchObject({ code: "POP3_CONNECT" });
    expect(`${String(failure)} ${String(failure?.stack)}`).not.toContain("hunter2");
    expect(server.connections).toBe(0);
  });

  test("that stays silent ends in a timeout after timeouts.connect", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls });
    await using proxy = await ProxyServer.listen(none);
    const options = through(server, `http://127.0.0.1:${proxy.port}`, { timeouts: { connect: 50 } });
    expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_CONNECT_TIMEOUT");
  });
});

test("a greeting in the packet of the proxy's answer is not lost", async () => {
  await using server = await Pop3Server.listen({ users: USERS });
  await using proxy = await ProxyServer.listen(async (client) => {
    const target = await reach(server.port);
    const [greeting] = (await once(target, "data")) as [Buffer];
    target.pause();
    client.write(Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), greeting]));
    return target;
  });
  const client = await Pop3Client.connect(through(server, `http://127.0.0.1:${proxy.port}`));
  expect(client.greeting).toContain("ready");
  await client.quit();
});

test("octets in the packet of the proxy's answer are never read as TLS, nor as decrypted data", async () => {
  await using server = await Pop3Server.listen({ users: USERS, tls: true });
  await using proxy = await ProxyServer.listen(
    tunnelTo(server.port, "HTTP/1.1 200 OK\r\n\r\n+OK injected\r\n"),
  );
  expect(await codeOf(Pop3Client.connect(through(server, `http://127.0.0.1:${proxy.port}`)))).toBe(
    "POP3_TLS_INJECTION",
  );
});

describe("SOCKS5", () => {
  test("reaches the server, and resolves its name at the proxy", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls: true });
    await using proxy = await ProxyServer.listen(socks5To(server.port));
    const client = await Pop3Client.connect(through(server, `socks5://127.0.0.1:${proxy.port}`));
    expect((await client.stat()).count).toBe(1);
    await client.quit();
  });

  test("loses no greeting that arrives at once", async () => {
    await using server = await Pop3Server.listen({ users: USERS });
    await using proxy = await ProxyServer.listen(socks5To(server.port));
    const client = await Pop3Client.connect(through(server, `socks5://127.0.0.1:${proxy.port}`));
    expect((await client.stat()).count).toBe(1);
    await client.quit();
  });

  test("sends a user and a password, and no error repeats it", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls: true });
    await using proxy = await ProxyServer.listen(socks5To(server.port, "hunter2"));
    const client = await Pop3Client.connect(through(server, `socks5://me:hunter2@127.0.0.1:${proxy.port}`));
    await client.quit();
    const failure = await Pop3Client.connect(
      through(server, `socks5://me:hunter3@127.0.0.1:${proxy.port}`),
    ).then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    expect(failure).toMatchObject({ code: "POP3_CONNECT" });
    expect(`${String(failure)} ${String(failure?.stack)} ${String(failure?.cause)}`).not.toContain("hunter3");
  });
});

test.each(["ftp://127.0.0.1", "127.0.0.1:8080", "", "http://", "http://a:%zz@127.0.0.1"])(
  "rejects the proxy %o",
  (proxy) => {
    expect(() => new Pop3Client({ host: "pop.example.com", proxy })).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG" }) as Error,
    );
  },
);

function none(): Promise<undefined> {
  return Promise.resolve(undefined);
}
