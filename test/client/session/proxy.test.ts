// Through a proxy: it learns the address of the server. Its answers are limited, checked, and never read as
// the server's.
import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { Pop3Server } from "popwright/testing";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import {
  ProxyServer,
  reach,
  socks4To,
  socks5To,
  tunnelTo,
  type Handshake,
} from "../../support/proxy-server.ts";

stopClocks();

const USERS = { ann: { pass: "secret", messages: ["Subject: hello\r\n\r\nworld\r\n"] } };
const AUTH = { user: "ann", pass: "secret" };

function through(
  server: Pop3Server,
  proxy: string,
  more: Partial<Pop3ClientOptions> = {},
): Pop3ClientOptions {
  return {
    // The proxy resolves the name, and the client still checks the certificate against it.
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
    [
      "sends a header that is too long, in one packet",
      (client) => (client.write(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), none()),
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

  test("that repeats its password in a refusal gives an error without it", async () => {
    await using server = await Pop3Server.listen({ users: USERS, tls });
    const basic = Buffer.from("me:hünter2").toString("base64");
    await using proxy = await ProxyServer.listen(
      (client) => (client.end(`HTTP/1.1 407 no hünter2, ${basic}, h%C3%BCnter2\r\n\r\n`), none()),
    );
    const url = `http://me:h%C3%BCnter2@127.0.0.1:${proxy.port}`;
    const failure = await failureOf(Pop3Client.connect(through(server, url)));
    expect(failure.message).toBe(
      `the proxy 127.0.0.1:${proxy.port} failed: it refused to connect to localhost:${server.port}: HTTP/1.1 407 no ****, ****, ****`,
    );
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

test.each([
  ["socks5", socks5To],
  ["socks5h", socks5To],
  ["socks", socks5To],
  ["socks4a", socks4To],
  ["socks4", socks4To],
])("reaches the server by %s://, with TLS and without", async (scheme, handshake) => {
  for (const tls of [true, false]) {
    await using server = await Pop3Server.listen({ users: USERS, tls });
    await using proxy = await ProxyServer.listen(handshake(server.port));
    const client = await Pop3Client.connect(through(server, `${scheme}://127.0.0.1:${proxy.port}`));
    expect((await client.stat()).count).toBe(1);
    await client.quit();
    // Only socks4: resolves the name here. The proxy gets the address.
    if (scheme.startsWith("socks4")) expect(proxy.asked[0]?.includes("localhost")).toBe(scheme === "socks4a");
  }
});

test("socks4: a lookup that throws is a failed connection", async () => {
  await using proxy = await ProxyServer.listen(none);
  const fail = (): never => {
    throw new RangeError("no names here");
  };
  const failure = await failureOf(
    Pop3Client.connect({ host: "six.test", proxy: `socks4://127.0.0.1:${proxy.port}`, lookup: fail }),
  );
  expect(failure.code).toBe("POP3_CONNECT");
  expect(failure.message).toContain("no names here");
});

test("socks4: reports that the server has no IPv4 address", async () => {
  await using proxy = await ProxyServer.listen(none);
  const failure = await failureOf(
    Pop3Client.connect({
      host: "six.test",
      proxy: `socks4://127.0.0.1:${proxy.port}`,
      lookup: (_name, _options, callback) => callback(new Error("getaddrinfo ENOTFOUND six.test"), ""),
    }),
  );
  expect(failure).toMatchObject({ code: "POP3_CONNECT" });
  expect(failure.message).toContain("SOCKS4 needs an IPv4 address of six.test");
});

describe("octets before TLS in the packet of the proxy's last reply", () => {
  const INJECTED = ["+OK injected\r\n", "x", "\x15\x03\x03\0\x02\x01\0", "\x16\x03\x03"];
  test.each([
    ["socks5", (port: number, more: string) => socks5To(port, undefined, more)],
    ["socks4a", socks4To],
    ["socks4", socks4To],
  ])("are an injection by %s://", async (scheme, handshake) => {
    for (const more of INJECTED) {
      await using server = await Pop3Server.listen({ users: USERS, tls: true });
      await using proxy = await ProxyServer.listen(handshake(server.port, more));
      const failure = await failureOf(
        Pop3Client.connect(through(server, `${scheme}://127.0.0.1:${proxy.port}`)),
      );
      expect(failure).toMatchObject({ code: "POP3_TLS_INJECTION" });
      expect(failure.message).toContain(`the proxy 127.0.0.1:${proxy.port}`);
      await server.idle();
    }
  });

  test("are the greeting if TLS does not begin with the connection", async () => {
    await using server = await Pop3Server.listen({ users: USERS, greeting: "" });
    await using proxy = await ProxyServer.listen(async (client) => {
      client.resume();
      client.write(Buffer.from([5, 0]));
      await once(client, "data");
      const target = await reach(server.port);
      const [greeting] = (await once(target, "data")) as [Buffer];
      target.pause();
      client.pause();
      client.write(Buffer.concat([Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]), greeting]));
      return target;
    });
    const client = await Pop3Client.connect(through(server, `socks5://127.0.0.1:${proxy.port}`));
    expect((await client.stat()).count).toBe(1);
    await client.quit();
  });
});

/** Where a proxy falls silent: after the connection, or after one of its replies. */
const SILENT: readonly [scheme: string, where: string, replies: readonly Buffer[]][] = [
  ["http", "before its answer", []],
  ["https", "before TLS", []],
  ["socks5", "before its first reply", []],
  ["socks5", "after the choice of the method", [Buffer.from([5, 2])]],
  ["socks5", "after the login", [Buffer.from([5, 2]), Buffer.from([1, 0])]],
  ["socks5", "in the middle of its last reply", [Buffer.from([5, 0]), Buffer.from([5, 0, 0])]],
  ["socks4a", "before its reply", []],
  ["socks4", "in the middle of its reply", [Buffer.from([0, 0x5a, 0])]],
];

describe.each(SILENT)("%s: a proxy that is silent %s", (scheme, _where, replies) => {
  const silent = async (client: Socket): Promise<undefined> => {
    client.resume();
    for (const [index, reply] of replies.entries()) {
      client.write(reply);
      if (index < replies.length - 1) await once(client, "data");
    }
    return undefined;
  };
  const credentials = scheme.startsWith("socks4") ? "me" : "me:hunter2";

  test("is named by the error after timeouts.connect, with its port, and its socket is closed", async () => {
    const gone = new Gone();
    await using proxy = await ProxyServer.listen(gone.after(silent));
    const failure = await failureOf(
      timePasses(
        Pop3Client.connect({
          host: "127.0.0.9",
          proxy: `${scheme}://${credentials}@127.0.0.1:${proxy.port}`,
          timeouts: { connect: 100 },
        }),
      ),
    );
    expect(failure.code).toMatch(/^POP3_(?:CONNECT|TLS)_TIMEOUT$/);
    expect(failure).toMatchObject({ limit: "timeouts.connect" });
    expect(failure.message).toContain(`the proxy 127.0.0.1:${proxy.port}`);
    expect(failure.message).not.toContain("hunter2");
    await gone.promise;
  });

  test.each(["aborted", "closed"])("has its socket closed at once if connect() is %s", async (how) => {
    const gone = new Gone();
    const stopped = new AbortController();
    await using proxy = await ProxyServer.listen(gone.after(silent));
    const client = new Pop3Client({
      host: "127.0.0.9",
      proxy: `${scheme}://${credentials}@127.0.0.1:${proxy.port}`,
      timeouts: { connect: Infinity },
    });
    const connecting = codeOf(client.connect({ signal: stopped.signal }));
    await gone.arrived;
    if (how === "aborted") stopped.abort();
    else client.close();
    expect(await connecting).toBe(how === "aborted" ? "POP3_ABORTED" : "POP3_CLOSED");
    await gone.promise;
  });
});

test.each(["http", "https", "socks5", "socks4a"])(
  "%s: a proxy that cannot be reached is named by the error, with its port",
  async (scheme) => {
    const proxy = await ProxyServer.listen(none);
    const { port } = proxy;
    await proxy[Symbol.asyncDispose]();
    const failure = await failureOf(
      Pop3Client.connect({ host: "pop.example.com", proxy: `${scheme}://127.0.0.1:${port}` }),
    );
    expect(failure).toMatchObject({ code: "POP3_CONNECT" });
    expect(failure.message).toContain(`cannot connect to the proxy 127.0.0.1:${port}: `);
  },
);

test.each([
  ["closes", (client: Socket) => client.end()],
  ["resets", (client: Socket) => client.resetAndDestroy()],
  ["refuses", (client: Socket) => client.end(Buffer.from([5, 0xff]))],
  ["speaks HTTP", (client: Socket) => client.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
])("a SOCKS proxy that %s is named by the error, with its port", async (_, act) => {
  await using proxy = await ProxyServer.listen((client) => (act(client), none()));
  const failure = await failureOf(
    Pop3Client.connect({ host: "pop.example.com", proxy: `socks5://127.0.0.1:${proxy.port}` }),
  );
  expect(failure).toMatchObject({ code: "POP3_CONNECT" });
  expect(failure.message).toContain(
    `the proxy 127.0.0.1:${proxy.port} failed: no connection to pop.example.com:995: `,
  );
});

test.each([
  "ftp://127.0.0.1",
  "127.0.0.1:8080",
  "",
  "http://",
  "http://a:%zz@127.0.0.1",
  "socks6://127.0.0.1",
  "socks5://%zz",
  "http://127.0.0.1:3128/path",
  `socks5://${"u".repeat(256)}:p@127.0.0.1`,
  `socks5://me:${"ü".repeat(128)}@127.0.0.1`,
  "socks4://me:pass@127.0.0.1",
  "socks4a://m%00e@127.0.0.1",
  "http://m%3Ae:pass@127.0.0.1",
])("rejects the proxy %o", (proxy) => {
  expect(() => new Pop3Client({ host: "pop.example.com", proxy })).toThrow(
    expect.objectContaining({ code: "POP3_CONFIG" }) as Error,
  );
});

test.each(["#", "/", "?", "%"])("says that %s in the password of a proxy is percent-encoded", (mark) => {
  for (const url of [`http://me:12${mark}ss@proxy:3128`, `socks5://me:pa${mark}ss@proxy:3128`]) {
    const made = (): Pop3Client => new Pop3Client({ host: "pop.example.com", proxy: url });
    expect(made).toThrow("percent-encode");
    expect(made).not.toThrow(`${mark}ss`);
  }
});

function none(): Promise<undefined> {
  return Promise.resolve(undefined);
}

/** The end of the connection to a proxy. */
class Gone {
  readonly promise: Promise<void>;
  /** The proxy has answered all that it answers. */
  readonly arrived: Promise<void>;
  #resolve: () => void = () => {};
  #arrive: () => void = () => {};

  constructor() {
    this.promise = new Promise((resolve) => (this.#resolve = resolve));
    this.arrived = new Promise((resolve) => (this.#arrive = resolve));
  }

  after(handshake: (client: Socket) => Promise<undefined>): Handshake {
    return async (client) => {
      client.on("close", this.#resolve);
      await handshake(client);
      this.#arrive();
      return undefined;
    };
  }
}
