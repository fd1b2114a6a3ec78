// If connect() fails, it rejects with a typed error, and leaves no socket and no timer.
import { once } from "node:events";
import * as net from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { maildropScript, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";

guardEachTest();

/** An error that is a part of itself. */
const loop = new AggregateError([]);
loop.errors.push(loop);

/** What Node throws at once, before it has begun anything. */
const NONSENSE: Record<string, Partial<Pop3ClientOptions>> = {
  "a lookup that throws": {
    host: "pop.example.com",
    lookup: () => {
      throw new RangeError("no names here");
    },
  },
  "an invalid version of TLS": { tls: { minVersion: "TLSv9" as never } },
  "an invalid certificate": {
    tls: { cert: "-----BEGIN CERTIFICATE-----\n", key: "-----BEGIN PRIVATE KEY-----\n" },
  },
  "invalid ciphers": { tls: { ciphers: "NONSENSE" } },
  "a function for a socket that throws": {
    socket: () => {
      throw new RangeError("no socket here");
    },
  },
  "a function for a socket that rejects": { socket: () => Promise.reject(new RangeError("no socket here")) },
  ...Object.fromEntries(
    [undefined, null, "pop.example.com", {}, { pipe: () => undefined }].map((given, at) => [
      `a function for a socket that returns nonsense (${at})`,
      { socket: () => given as never },
    ]),
  ),
  ...Object.fromEntries(
    [undefined, null, Symbol("x"), Object.create(null), loop].map((thrown: unknown, at) => [
      `a function for a socket that throws anything (${at})`,
      {
        socket: () => {
          throw thrown;
        },
      },
    ]),
  ),
  "a lookup that throws no error": {
    host: "pop.example.com",
    lookup: () => {
      throw Object.create(null);
    },
  },
  "a socket that is closed": {
    socket: () => {
      const stream = new PassThrough();
      stream.destroy();
      return stream;
    },
  },
};

describe.each(["plain", "stls", "tls"] as const)("%s", (protection) => {
  it.each(Object.entries(NONSENSE))("leaves no socket after %s", async (_name, options) => {
    await using server = await ScriptedServer.listen(maildropScript(), protection);
    const client = new Pop3Client(server.options(options));
    const code = await outcome(client.connect());
    if (protection === "plain" && options.tls !== undefined) {
      expect(code).toBe("ok");
      client.close();
    } else {
      expect(["POP3_CONFIG", "POP3_CONNECT", "POP3_TLS_HANDSHAKE"]).toContain(code);
      expect(client.state).toBe("closed");
    }
    await Promise.all(server.peers.map(({ gone }) => gone));
  });
});

it("connect() rejects if a name cannot be resolved", async () => {
  const lookup: net.LookupFunction = (_name, _options, callback) => {
    callback(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }), "", 4);
  };
  expect(await outcome(Pop3Client.connect({ host: "pop.example.com", lookup }))).toBe("POP3_CONNECT");
});

it("connect() ends in a timeout if the name is not resolved in time", async () => {
  const lookup: net.LookupFunction = () => undefined;
  const options = { host: "pop.example.com", lookup, timeouts: { connect: 50 } };
  expect(await outcome(Pop3Client.connect(options))).toBe("POP3_CONNECT_TIMEOUT");
});

it("connect() ends in a timeout if the caller's socket does not come in time", async () => {
  const late = new PassThrough();
  const options = {
    host: "pop.example.com",
    socket: () => new Promise<PassThrough>((resolve) => setTimeout(resolve, 100, late)),
    timeouts: { connect: 50 },
  };
  expect(await outcome(Pop3Client.connect(options))).toBe("POP3_CONNECT_TIMEOUT");
  await once(late, "close");
});

it("connect() rejects if the port is closed", async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = new Pop3Client({ host: "127.0.0.1", port });
  expect(await outcome(client.connect())).toBe("POP3_CONNECT");
  expect(await outcome(client.noop())).toBe("POP3_CONNECT");
});

it("connect() uses the second address of a name if the first does not answer", async () => {
  await using server = await ScriptedServer.listen(maildropScript());
  const lookup: net.LookupFunction = (_name, options, callback) => {
    const addresses = [
      { address: "127.0.0.2", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ];
    if (options.all === true) callback(null, addresses);
    else callback(null, "127.0.0.1", 4);
  };
  const client = await Pop3Client.connect(server.options({ host: "pop.example.com", lookup }));
  expect(await client.uidl(3)).toBe(uidOf(3));
  client.close();
});

it.each([Infinity, 2 ** 31, 2 ** 40])("connect() works with timeouts of %d ms", async (clock) => {
  await using server = await ScriptedServer.listen(maildropScript(), "tls");
  const timeouts = {
    connect: clock,
    tls: clock,
    greeting: clock,
    command: clock,
    body: clock,
    quit: clock,
    drain: clock,
  };
  const client = await Pop3Client.connect(server.options({ timeouts }));
  const stream = client.retrStream(1);
  stream.destroy();
  expect(await client.uidl(3)).toBe(uidOf(3));
  await client.quit();
});

it("connect() rejects if the caller's socket fails before it is used", async () => {
  await using server = await ScriptedServer.listen(maildropScript());
  const socket = net.connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.on("error", () => undefined);
  const connecting = outcome(Pop3Client.connect(server.options({ socket })));
  socket.destroy(new Error("pulled out"));
  expect(["POP3_CLOSED", "POP3_CONNECT"]).toContain(await connecting);
});

describe("disposal of a client", () => {
  stopClocks();

  it("with marks removes them on the server", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.dele([1, 2]);
    await client[Symbol.asyncDispose]();
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.slice(-2)).toEqual(["RSET", "QUIT"]);
    expect(client.state).toBe("closed");
  });

  it("with marks in flight removes them", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.noop();
    const marking = outcome(client.dele([1, 2]));
    await client[Symbol.asyncDispose]();
    await server.peers[0]?.gone;
    await marking;
    const commands = server.peers[0]?.commands ?? [];
    // Whichever it is: QUIT never commits what disposal had to take back.
    if (commands.includes("QUIT")) expect(commands.slice(-2)).toEqual(["RSET", "QUIT"]);
  });

  it.each(["RSET", "QUIT"])("ends if the server does not answer to %s", async (verb) => {
    await using server = await ScriptedServer.listen(
      maildropScript({ [verb]: () => new Promise(() => undefined) }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 500 } }));
    await client.dele(1);
    await timePasses(client[Symbol.asyncDispose]());
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.includes("QUIT")).toBe(verb === "QUIT");
  });

  it("works with a timeout that is not an integer", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 1500.5 } }));
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });

  it("in the middle of a message ends", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ RETR: (peer) => peer.send("+OK\r\nhalf").then(() => new Promise(() => undefined)) }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 50 } }));
    const message = outcome(client.retr(1));
    await timePasses(client[Symbol.asyncDispose]());
    expect(await message).not.toBe("ok");
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });
});

describe("quit() while marks are in flight", () => {
  it.each([
    ["-ERR some were not removed\r\n", "POP3_COMMIT_FAILED"],
    ["", "POP3_COMMIT_UNKNOWN"],
  ])("rejects with them if it is answered with '%s'", async (reply, code) => {
    await using server = await ScriptedServer.listen(
      maildropScript({ QUIT: reply, "DELE 2": "-ERR no\r\n" }),
    );
    const client = await Pop3Client.connect(server.options());
    const marking = [3, 2, 1].map((n) => outcome(client.dele(n)));
    const error: unknown = await client.quit().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code, marked: [1, 3] });
    expect(await Promise.all(marking)).toEqual(["ok", "POP3_REFUSED", "ok"]);
  });

  it("rejects with none if RSET is sent before it", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ QUIT: "" }));
    const client = await Pop3Client.connect(server.options());
    const calls = [client.dele([1, 2]), client.rset(), client.quit()].map(outcome);
    expect(await Promise.all(calls)).toEqual(["ok", "ok", "ok"]);
  });
});
