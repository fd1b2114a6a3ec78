// TLS from the first octet, over a connection that Node opens for it: the same as over a socket that is connected before.
import * as net from "node:net";
import type { ConnectionOptions } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { makeCertificate } from "../../../src/testing/index.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";

const tlsModule = process.getBuiltinModule("node:tls");

afterEach(() => vi.restoreAllMocks());

test("reads a socket of its own into the memory that all sockets share", async () => {
  await using server = await listen({ tls: makeCertificate() });
  const connect = vi.spyOn(tlsModule, "connect");
  const client = await Pop3Client.connect(to(server, { auth }));
  expect((await client.retr(1)).toString()).toBe("Subject: one\r\n\r\nOne.\r\n");
  await client.quit();
  const again = await Pop3Client.connect(to(server, { auth }));
  await again.quit();
  const given = connect.mock.calls.map(
    ([options]) => options as unknown as net.NetConnectOpts & ConnectionOptions,
  );
  expect(given.map(({ socket }) => socket)).toEqual([undefined, undefined]);
  const [first, second] = given.map(({ onread }) => onread?.buffer);
  expect(first).toBeInstanceOf(Buffer);
  expect(second).toBe(first);
});

test.each([true, false])(
  "sends commands without delay, and notices a peer that is gone, TLS %s",
  async (secure) => {
    await using server = await listen(secure ? { tls: makeCertificate() } : {});
    const noDelay = vi.spyOn(net.Socket.prototype, "setNoDelay");
    const keepAlive = vi.spyOn(net.Socket.prototype, "setKeepAlive");
    const client = await Pop3Client.connect(to(server, { auth, ...(!secure && { stls: "never" }) }));
    await client.quit();
    // The embedded server does the same on its side of the connection.
    expect(noDelay.mock.calls.length).toBeGreaterThan(0);
    expect(keepAlive.mock.calls).toEqual([[true, 60_000]]);
  },
);

test("takes a greeting that arrives with the end of the handshake", async () => {
  const { key, cert } = makeCertificate();
  // The server writes before the client has finished: TLS 1.3 allows that.
  const server = tlsModule.createServer({ key, cert }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => socket.end("-ERR no\r\n"));
  });
  server.on("newSession", (_id, _data, done: () => void) => done());
  server.on("connection", (raw: net.Socket) => raw.cork());
  server.on("secureConnection", (socket) => {
    socket.write("+OK early\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const failure = await failureOf(
    Pop3Client.connect({ host: "127.0.0.1", port, tls: { ca: cert }, capa: false, auth }),
  );
  // The greeting was read, or USER would not have been refused.
  expect(failure).toMatchObject({ command: "USER ann" });
  await new Promise((resolve) => server.close(resolve));
});

test("tries the next address, and resumes a session over it", async () => {
  await using server = await listen({ tls: makeCertificate() });
  // Nothing listens on 127.0.0.2 at this port.
  const addresses = ["127.0.0.2", server.host].map((address) => ({ address, family: 4 }));
  const lookup = ((_host, options, done) => {
    if (options.all === true) done(null, addresses);
    else done(null, server.host, 4);
  }) as net.LookupFunction;
  const options = to(server, { auth, host: "localhost", lookup });
  const seen: (boolean | undefined)[] = [];
  for (let session = 0; session < 2; session++) {
    const client = await Pop3Client.connect(options);
    await client.uidl();
    seen.push(client.tlsInfo?.resumed);
    await client.quit();
  }
  expect(seen).toEqual([false, true]);
});

test("takes the connection from its own options, and not from those of TLS", async () => {
  await using server = await listen({ tls: makeCertificate() });
  const others: ConnectionOptions = {
    host: "192.0.2.1",
    port: 1,
    path: "/nowhere",
    timeout: 1,
    localAddress: "192.0.2.2",
    family: 6,
    lookup: () => {
      throw new Error("not this one");
    },
    socket: new net.Socket(),
  } as ConnectionOptions;
  const client = await Pop3Client.connect(
    to(server, { auth, tls: { ...others, ca: server.ca, servername: "localhost" } }),
  );
  await client.quit();
});

test("a port where nothing listens is not a failure of TLS", async () => {
  const server = await listen({ tls: makeCertificate() });
  await server.close();
  expect(await failureOf(Pop3Client.connect(to(server, { auth })))).toMatchObject({
    code: "POP3_CONNECT",
    message: expect.stringContaining("ECONNREFUSED") as string,
  });
});

describe("opens no connection with options that Node would reject too late", () => {
  test.each<[string, object]>([
    ["servername", { servername: 7 }],
    ["session", { session: 7 }],
  ])("%s", async (name, wrong) => {
    const opened = vi.fn();
    const server = net.createServer(opened).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as net.AddressInfo;
    const call = Pop3Client.connect({ host: "127.0.0.1", port, auth, tls: wrong });
    expect(await failureOf(call)).toMatchObject({
      code: "POP3_CONFIG",
      message: expect.stringContaining(name) as string,
    });
    await new Promise((resolve) => server.close(resolve));
    expect(opened).not.toHaveBeenCalled();
  });
});
