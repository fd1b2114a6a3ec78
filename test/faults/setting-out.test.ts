// What connect cannot do it says in an error of ours, and leaves neither socket nor timer behind.
import { once } from "node:events";
import * as net from "node:net";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { maildropScript, uidOf } from "./maildrop-script.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { guardEachTest, outcome } from "./sentry.ts";

guardEachTest();

/** What Node throws at once, before it has begun anything. */
const NONSENSE: Record<string, Partial<Pop3ClientOptions>> = {
  "an address of ours that is none": { localAddress: "nonsense" },
  "a lookup that throws": {
    host: "pop.example.com",
    lookup: () => {
      throw new RangeError("no names here");
    },
  },
  "a version of TLS that is none": { tls: { minVersion: "TLSv9" as never } },
  "a certificate that is none": { tls: { cert: "nonsense", key: "nonsense" } },
  "ciphers that are none": { tls: { ciphers: "NONSENSE" } },
  "a function for a socket that throws": {
    socket: () => {
      throw new RangeError("no socket here");
    },
  },
  "a function for a socket that rejects": { socket: () => Promise.reject(new RangeError("no socket here")) },
  "a socket that is closed": {
    socket: () => {
      const stream = new PassThrough();
      stream.destroy();
      return stream;
    },
  },
};

describe.each(["plain", "stls", "tls"] as const)("%s", (protection) => {
  it.each(Object.entries(NONSENSE))("%s", async (_name, options) => {
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

it("a name that is not to be resolved", async () => {
  const lookup: net.LookupFunction = (_name, _options, callback) => {
    callback(Object.assign(new Error("queryA ENOTFOUND"), { code: "ENOTFOUND" }), "", 4);
  };
  expect(await outcome(Pop3Client.connect({ host: "pop.example.com", lookup }))).toBe("POP3_CONNECT");
});

it("a name that is long in being resolved", async () => {
  const lookup: net.LookupFunction = () => undefined;
  const options = { host: "pop.example.com", lookup, timeouts: { connect: 50 } };
  expect(await outcome(Pop3Client.connect(options))).toBe("POP3_CONNECT_TIMEOUT");
});

it("a socket of the caller's that is long in coming", async () => {
  const late = new PassThrough();
  const options = {
    host: "pop.example.com",
    socket: () => new Promise<PassThrough>((resolve) => setTimeout(resolve, 100, late)),
    timeouts: { connect: 50 },
  };
  expect(await outcome(Pop3Client.connect(options))).toBe("POP3_CONNECT_TIMEOUT");
  await once(late, "close");
});

it("a port where nobody listens", async () => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = new Pop3Client({ host: "127.0.0.1", port });
  expect(await outcome(client.connect())).toBe("POP3_CONNECT");
  expect(await outcome(client.noop())).toBe("POP3_CONNECT");
});

it("a name with two addresses, of which the first is dead", async () => {
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

it.each([Infinity, 2 ** 31, 2 ** 40])("clocks of %d ms", async (clock) => {
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

it("a socket of the caller's that fails between its being given and its use", async () => {
  await using server = await ScriptedServer.listen(maildropScript());
  const socket = net.connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.on("error", () => undefined);
  const connecting = outcome(Pop3Client.connect(server.options({ socket })));
  socket.destroy(new Error("pulled out"));
  expect(["POP3_CLOSED", "POP3_CONNECT"]).toContain(await connecting);
});

describe("a client is left by its disposal", () => {
  it("with marks: they are taken back, and the server hears of it", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options());
    await client.dele([1, 2]);
    await client[Symbol.asyncDispose]();
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.slice(-2)).toEqual(["RSET", "QUIT"]);
    expect(client.state).toBe("closed");
  });

  it("with marks that are on their way", async () => {
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

  it.each(["RSET", "QUIT"])("while the server does not answer to %s", async (verb) => {
    await using server = await ScriptedServer.listen(
      maildropScript({ [verb]: () => new Promise(() => undefined) }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 500 } }));
    await client.dele(1);
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.includes("QUIT")).toBe(verb === "QUIT");
  });

  it("with a clock that is no whole number of milliseconds", async () => {
    await using server = await ScriptedServer.listen(maildropScript());
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 1500.5 } }));
    await client[Symbol.asyncDispose]();
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });

  it("in the middle of a message", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ RETR: (peer) => peer.send("+OK\r\nhalf").then(() => new Promise(() => undefined)) }),
    );
    const client = await Pop3Client.connect(server.options({ timeouts: { quit: 50 } }));
    const message = outcome(client.retr(1));
    await client[Symbol.asyncDispose]();
    expect(await message).not.toBe("ok");
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });
});

describe("QUIT, sent while marks are on their way", () => {
  it.each([
    ["-ERR some were not removed\r\n", "POP3_COMMIT_FAILED"],
    ["", "POP3_COMMIT_UNKNOWN"],
  ])("answered with '%s'", async (reply, code) => {
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

  it("none where RSET is ahead of it", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ QUIT: "" }));
    const client = await Pop3Client.connect(server.options());
    const calls = [client.dele([1, 2]), client.rset(), client.quit()].map(outcome);
    expect(await Promise.all(calls)).toEqual(["ok", "ok", "ok"]);
  });
});
