// The connection: one that the client opens, or a stream of the caller.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type LookupFunction } from "node:net";
import * as nodeStream from "node:stream";
import type { Duplex } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type SocketSource } from "../../../src/index.ts";
import { makeCertificate } from "../../../src/testing/index.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { duplexPair } from "../../support/duplex-pair.ts";
import { codeOf, failureOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";

stopClocks();

describe("the caller's socket", () => {
  test("can be connected", async () => {
    await using server = await listen();
    const socket = connect(server.port, server.host);
    await once(socket, "connect");
    await using client = await Pop3Client.connect(
      to(server, { host: "mail.test", socket, stls: "never", auth }),
    );
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    await client.quit();
    await once(socket, "close");
  });

  test("can have received the greeting already", async () => {
    await using server = await listen();
    const socket = connect(server.port, server.host);
    await once(socket, "readable");
    await using client = await Pop3Client.connect(to(server, { socket, stls: "never" }));
    expect(client.greeting).toMatch(/^popwright/);
  });

  test("can be paused", async () => {
    await using server = await listen();
    const socket = connect(server.port, server.host);
    await once(socket, "connect");
    socket.pause();
    await using client = await Pop3Client.connect(to(server, { socket, stls: "never" }));
    expect(client.greeting).toMatch(/^popwright/);
  });

  test("can carry TLS from the first octet, for the host of the options", async () => {
    const certificate = makeCertificate({ names: ["mail.test"] });
    await using server = await listen({ tls: certificate });
    const socket = connect(server.port, server.host);
    await once(socket, "connect");
    await using client = await Pop3Client.connect(to(server, { host: "mail.test", socket, auth }));
    expect(client.secure).toBe(true);
    expect(client.state).toBe("transaction");
  });

  test("can be a stream instead of a socket", async () => {
    const [ours, theirs] = duplexPair();
    theirs.on("data", (line: Buffer) => {
      theirs.write(line.toString() === "CAPA\r\n" ? "-ERR no\r\n" : "+OK 3 120\r\n");
    });
    theirs.write("+OK hello\r\n");
    await using client = await Pop3Client.connect({
      host: "mail.test",
      secure: false,
      stls: "never",
      socket: ours,
      auth: { ...auth, mechanism: "USER" },
    });
    expect(await client.stat()).toEqual({ count: 3, size: 120 });
    client.close();
    expect(ours.destroyed).toBe(true);
  });

  test("can give Buffers that others use as well: they do not change", async () => {
    const [ours, theirs] = duplexPair();
    // The same Buffer each time.
    const message = Buffer.from("+OK\r\nfirst\r\n..stuffed\r\n..again\r\nlast\r\n.\r\n");
    const before = message.toString();
    theirs.on("data", (line: Buffer) => {
      theirs.write(line.toString().startsWith("RETR") ? message : "+OK\r\n");
    });
    theirs.write("+OK hello\r\n");
    await using client = await Pop3Client.connect({
      host: "mail.test",
      secure: false,
      stls: "never",
      capa: false,
      socket: ours,
      auth: { ...auth, mechanism: "USER" },
    });
    const unstuffed = "first\r\n.stuffed\r\n.again\r\nlast\r\n";
    expect([String(await client.retr(1)), String(await client.retr(1))]).toEqual([unstuffed, unstuffed]);
    expect(message.toString()).toBe(before);
  });

  /** A stream over which a socket's octets go. */
  const wrapped = (socket: Duplex): Duplex => {
    const [ours, theirs] = duplexPair();
    theirs.pipe(socket).pipe(theirs);
    return ours;
  };

  test("can be a stream with STLS", async () => {
    await using server = await listen();
    const socket = wrapped(connect(server.port, server.host));
    await using client = await Pop3Client.connect(to(server, { socket, auth }));
    expect(client.secure).toBe(true);
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
    await client.quit();
    await server.idle();
  });

  test("can be a stream with TLS from the first octet", async () => {
    await using server = await listen({ tls: true });
    const socket = wrapped(connect(server.port, server.host));
    await using client = await Pop3Client.connect(to(server, { socket, auth }));
    expect(client.secure).toBe(true);
    expect(await client.stat()).toEqual({ count: 1, size: 22 });
  });

  test.each<[string, Partial<Pop3ClientOptions>, number]>([
    ["995 with TLS", {}, 995],
    ["110 without", { secure: false }, 110],
    ["the given one", { port: 1995 }, 1995],
  ])("can come from a function that gets host and port: %s", async (_, options, port) => {
    const targets: unknown[] = [];
    const socket: SocketSource = ({ host, port: asked, signal }) => {
      targets.push([host, asked, signal instanceof AbortSignal]);
      throw new Error("no way there");
    };
    const failure = await failureOf(Pop3Client.connect({ host: "mail.test", socket, ...options }));
    expect(failure.code).toBe("POP3_CONNECT");
    expect(failure.message).toContain("no way there");
    expect(targets).toEqual([["mail.test", port, true]]);
  });

  test.each<[string, (open: () => Duplex) => SocketSource]>([
    ["synchronously", (open) => open],
    ["later", (open) => () => turns().then(open)],
  ])("can come from a function %s", async (_, source) => {
    await using server = await listen();
    const socket = source(() => connect(server.port, server.host));
    await using client = await Pop3Client.connect(to(server, { socket, stls: "never", auth }));
    expect(client.state).toBe("transaction");
  });

  test.each([
    ["destroyed", (socket: Duplex) => socket.destroy()],
    ["destroyed with an error", (socket: Duplex) => socket.destroy(new Error("tunnel down"))],
    ["ended by the peer", (_: Duplex, other: Duplex) => other.end()],
  ])("that is %s during the handshake rejects connect()", async (_, end) => {
    const [ours, theirs] = duplexPair();
    const call = codeOf(Pop3Client.connect({ host: "mail.test", socket: ours, auth }));
    await once(theirs, "readable");
    end(ours, theirs);
    expect(["POP3_TLS_HANDSHAKE", "POP3_CLOSED"]).toContain(await call);
    expect(ours.destroyed).toBe(true);
  });

  test.each([
    ["destroyed", (socket: Duplex) => socket.destroy()],
    ["destroyed with an error", (socket: Duplex) => socket.destroy(new Error("tunnel down"))],
    ["ended by the peer", (_: Duplex, other: Duplex) => other.end()],
  ])("that is %s before the greeting rejects connect()", async (_, end) => {
    const [ours, theirs] = duplexPair();
    const client = new Pop3Client({ host: "mail.test", secure: false, socket: ours, auth });
    const call = codeOf(client.connect());
    await turns();
    end(ours, theirs);
    expect(await call).toBe("POP3_CLOSED");
    expect(ours.destroyed).toBe(true);
    expect(client.state).toBe("closed");
  });

  test("that was destroyed before rejects connect()", async () => {
    const [socket] = duplexPair();
    socket.destroy();
    await expect(Pop3Client.connect({ host: "mail.test", socket })).rejects.toMatchObject({
      code: "POP3_CONNECT",
    });
  });

  test("that arrives after the end is closed", async () => {
    const [socket] = duplexPair();
    let give: (stream: Duplex) => void = () => undefined;
    const client = new Pop3Client({
      host: "mail.test",
      socket: () => new Promise<Duplex>((resolve) => (give = resolve)),
      timeouts: { connect: 20 },
    });
    await expect(timePasses(client.connect())).rejects.toMatchObject({ code: "POP3_CONNECT_TIMEOUT" });
    give(socket);
    await turns();
    expect(socket.destroyed).toBe(true);
  });
});

describe("a failure before the greeting", () => {
  test("is a refused connection", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const failure = await failureOf(Pop3Client.connect({ host: "127.0.0.1", port }));
    expect(failure).toMatchObject({ code: "POP3_CONNECT", cause: { code: "ECONNREFUSED" } });
    expect(failure.message).toContain(`127.0.0.1:${String(port)}`);
  });

  test("is an unknown name", async () => {
    const lookup: LookupFunction = (_, __, found) => {
      found(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }), []);
    };
    await expect(Pop3Client.connect({ host: "mail.test", lookup })).rejects.toMatchObject({
      code: "POP3_CONNECT",
      cause: { code: "ENOTFOUND" },
    });
  });

  test("is a name whose lookup rejects", async () => {
    const lookup = (() => Promise.reject(new Error("no resolver"))) as unknown as LookupFunction;
    await expect(Pop3Client.connect({ host: "mail.test", lookup })).rejects.toMatchObject({
      code: "POP3_CONNECT",
      message: "cannot connect to mail.test:995: no resolver",
    });
  });

  test("is a name that is never resolved", async () => {
    const call = Pop3Client.connect({ host: "mail.test", lookup: () => {}, timeouts: { connect: 20 } });
    await expect(timePasses(call)).rejects.toMatchObject({ code: "POP3_CONNECT_TIMEOUT" });
  });

  test("does not occur if one address of a name does not answer", async () => {
    await using server = await listen();
    // 127.0.0.2 is this host as well, but no server listens there.
    const lookup: LookupFunction = (_, __, found) => {
      found(null, [
        { address: "127.0.0.2", family: 4 },
        { address: "127.0.0.1", family: 4 },
      ]);
    };
    await using client = await Pop3Client.connect(to(server, { host: "mail.test", lookup, stls: "never" }));
    expect(client.state).toBe("authorization");
  });
});

describe("a peer that answers before the write returns", () => {
  test("leaves no timer running for a reply that has arrived", async () => {
    const [ours, theirs] = nodeStream.duplexPair();
    theirs.on("data", (octets: Buffer) => {
      theirs.write(octets.toString().startsWith("CAPA") ? "-ERR\r\n" : "+OK 1 2\r\n");
    });
    theirs.write("+OK hello\r\n");
    const client = await Pop3Client.connect({
      host: "mail.test",
      secure: false,
      stls: "never",
      socket: ours,
      auth: { ...auth, mechanism: "USER" },
    });
    await client.stat();
    vi.advanceTimersByTime(3_600_000);
    expect(client.state).toBe("transaction");
    client.close();
  });
});
