// A connect, a login, STLS or QUIT that is given up closes the connection: nobody knows what the server thinks of it.
import { getEventListeners } from "node:events";
import * as net from "node:net";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type SaslMechanism } from "popwright";
import { Gate } from "./gate.ts";
import { capaAnswer, maildropScript, uidOf, type Answers } from "./maildrop-script.ts";
import { ScriptedServer, SECRET, type Protection } from "./scripted-server.ts";
import { codeOf, guardEachTest, outcome, until } from "./sentry.ts";

guardEachTest();

const never = (): Promise<undefined> => new Promise(() => undefined);

interface Point {
  readonly protection?: Protection;
  readonly answers?: Answers;
  readonly options?: Partial<Pop3ClientOptions>;
  /** How many commands come before the abort. @default 0 */
  readonly commands?: number;
}

const user = { user: "ann", pass: SECRET, mechanism: "USER" };
const login = { user: "ann", pass: SECRET, mechanism: "LOGIN" };

const POINTS: Record<string, Point> = {
  "the greeting": { answers: { greeting: never } },
  CAPA: { answers: { CAPA: never }, commands: 1 },
  STLS: { protection: "stls", answers: { STLS: never }, commands: 2 },
  "the handshake behind STLS": { protection: "stls", answers: { STLS: "+OK\r\n" }, commands: 2 },
  USER: { answers: { USER: never }, options: { auth: user }, commands: 2 },
  PASS: { answers: { PASS: never }, options: { auth: user }, commands: 3 },
  AUTH: { answers: { AUTH: never }, options: { auth: login }, commands: 2 },
  "the CAPA behind the login": {
    answers: {
      CAPA: (peer) => (peer.commands.length === 1 ? capaAnswer("SASL PLAIN") : never()),
    },
    commands: 3,
  },
};

describe.each(Object.entries(POINTS))("connect, in %s", (_name, point) => {
  it.each(["aborted", "closed"])("%s", async (how) => {
    await using server = await ScriptedServer.listen(maildropScript(point.answers), point.protection);
    const client = new Pop3Client(server.options(point.options));
    const controller = new AbortController();
    const connecting = outcome(client.connect({ signal: controller.signal }));
    const peer = await server.peer();
    await until(() => peer.commands.length === (point.commands ?? 0));
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    const sent = peer.commands.length;
    if (how === "aborted") controller.abort();
    else client.close();
    expect(await connecting).toBe(how === "aborted" ? "POP3_ABORTED" : "POP3_CLOSED");
    expect(client.state).toBe("closed");
    await peer.gone;
    expect(peer.commands.length).toBe(sent);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });
});

it("connect, before the handshake of TLS from the first octet", async () => {
  await using server = await ScriptedServer.listen(() => undefined, "plain");
  const controller = new AbortController();
  const connecting = outcome(
    Pop3Client.connect(
      { host: "127.0.0.1", port: server.port, tls: { rejectUnauthorized: true } },
      { signal: controller.signal },
    ),
  );
  const peer = await server.peer();
  await until(() => peer.received > 0);
  controller.abort();
  expect(await connecting).toBe("POP3_ABORTED");
  await peer.gone;
});

it("connect, in the resolution of the name", async () => {
  const asked = new Gate();
  const controller = new AbortController();
  const connecting = outcome(
    Pop3Client.connect(
      {
        host: "pop.example.com",
        lookup: () => {
          asked.open();
        },
      },
      { signal: controller.signal },
    ),
  );
  await asked.opened;
  controller.abort();
  expect(await connecting).toBe("POP3_ABORTED");
});

it("connect, closed in the resolution of the name, whose answer comes later", async () => {
  let taken = 0;
  await using server = await ScriptedServer.listen(() => {
    taken++;
  });
  const asked = new Gate();
  let resolved = (): void => undefined;
  const client = new Pop3Client({
    host: "pop.example.com",
    port: server.port,
    family: 4,
    lookup: (_name, _options, callback) => {
      resolved = () => {
        callback(null, "127.0.0.1", 4);
      };
      asked.open();
    },
  });
  const connecting = outcome(client.connect());
  await asked.opened;
  client.close();
  expect(await connecting).toBe("POP3_CLOSED");
  resolved();
  // A second connection is taken behind the first, if there was one.
  await new Promise<void>((resolve) => {
    const other = net.connect(server.port, "127.0.0.1", () => other.destroy());
    other.once("close", () => {
      resolve();
    });
  });
  await until(() => taken > 0);
  expect(taken).toBe(1);
});

it("connect, in TCP", async () => {
  // A listener whose backlog is never emptied is not to be had everywhere: the caller's own socket stands for it.
  const controller = new AbortController();
  const asked = new Gate();
  let late = (_socket: net.Socket): void => undefined;
  const connecting = outcome(
    Pop3Client.connect(
      {
        host: "pop.example.com",
        socket: () => {
          asked.open();
          return new Promise((resolve) => (late = resolve));
        },
      },
      { signal: controller.signal },
    ),
  );
  await asked.opened;
  controller.abort();
  expect(await connecting).toBe("POP3_ABORTED");
  const socket = new net.Socket();
  late(socket);
  await until(() => socket.destroyed);
});

it("connect, with a signal that is aborted already", async () => {
  let taken = 0;
  await using server = await ScriptedServer.listen(() => {
    taken++;
  });
  const client = new Pop3Client(server.options());
  const signal = AbortSignal.abort(new Error("too late"));
  const error: unknown = await client.connect({ signal }).catch((thrown: unknown) => thrown);
  expect(codeOf(error)).toBe("POP3_ABORTED");
  expect((error as Error).cause).toBe(signal.reason);
  expect(taken).toBe(0);
  expect(client.state).toBe("closed");
});

describe("a secret that is long in coming", () => {
  const auth = { user: "ann", pass: () => new Promise<string>(() => undefined) };

  it.each(["aborted", "closed", "the server goes"])("%s: connect does not wait for it", async (how) => {
    await using server = await ScriptedServer.listen(maildropScript());
    const controller = new AbortController();
    const asked = new Gate();
    const client = new Pop3Client(
      server.options({
        auth: {
          ...auth,
          pass: () => {
            asked.open();
            return auth.pass();
          },
        },
      }),
    );
    const connecting = outcome(client.connect({ signal: controller.signal }));
    await asked.opened;
    if (how === "aborted") controller.abort();
    else if (how === "closed") client.close();
    else server.peers[0]?.end();
    expect(await connecting).toBe(how === "aborted" ? "POP3_ABORTED" : "POP3_CLOSED");
    await server.peers[0]?.gone;
  });
});

describe("by hand", () => {
  const byHand = { auth: undefined } as unknown as Partial<Pop3ClientOptions>;
  const CALLS: Record<string, [Answers, (client: Pop3Client, signal: AbortSignal) => Promise<void>]> = {
    pass: [{ PASS: never }, (client, signal) => client.pass(SECRET, { signal })],
    apop: [{ APOP: never }, (client, signal) => client.apop("ann", SECRET, { signal })],
    authenticate: [{ AUTH: never }, (client, signal) => client.authenticate(login, { signal })],
    "authenticate, USER": [{ PASS: never }, (client, signal) => client.authenticate(user, { signal })],
    quit: [{ QUIT: never }, (client, signal) => client.quit({ signal })],
    stls: [{ STLS: never }, (client, signal) => client.stls({ signal })],
    "stls, handshake": [{ STLS: "+OK\r\n" }, (client, signal) => client.stls({ signal })],
    utf8: [{ UTF8: never }, (client, signal) => client.utf8({ signal })],
  };

  it.each(Object.entries(CALLS))(
    "%s given up in flight closes the connection",
    async (name, [answers, call]) => {
      await using server = await ScriptedServer.listen(
        maildropScript({ greeting: "+OK <1.2@example.com>\r\n", ...answers }),
      );
      const client = await Pop3Client.connect(server.options(byHand));
      const held = Object.keys(answers)[0] as string;
      const controller = new AbortController();
      const given = outcome(call(client, controller.signal));
      await until(() => server.peers[0]?.commands.some((line) => line.startsWith(held)) === true);
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
      controller.abort();
      expect(await given, name).toBe("POP3_ABORTED");
      await server.peers[0]?.gone;
      expect(client.state).toBe("closed");
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    },
  );

  it.each(Object.entries(CALLS))(
    "%s with a signal that is aborted already sends nothing, and the session goes on",
    async (name, [, call]) => {
      await using server = await ScriptedServer.listen(
        maildropScript({ greeting: "+OK <1.2@example.com>\r\n" }),
      );
      const client = await Pop3Client.connect(server.options(byHand));
      const sent = server.peers[0]?.commands.length;
      expect(await outcome(call(client, AbortSignal.abort())), name).toBe("POP3_ABORTED");
      expect(server.peers[0]?.commands.length).toBe(sent);
      expect(client.state).toBe("authorization");
      await client.authenticate(user);
      expect(await client.uidl(3)).toBe(uidOf(3));
      client.close();
    },
  );

  it("a client that is closed in the handshake behind STLS says so", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ STLS: "+OK\r\n" }));
    const client = await Pop3Client.connect(server.options(byHand));
    const given = outcome(client.stls());
    await until(
      () => server.peers[0]?.received !== undefined && server.peers[0].received > "CAPA\r\nSTLS\r\n".length,
    );
    client.close();
    expect(await given).toBe("POP3_CLOSED");
    await server.peers[0]?.gone;
  });

  it("STLS given up between its reply and the handshake leaves no socket behind", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ STLS: "+OK\r\n" }));
    const socket = net.connect(server.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const client = await Pop3Client.connect(server.options({ ...byHand, socket }));
    const controller = new AbortController();
    socket.on("data", () => {
      controller.abort();
    });
    expect(await outcome(client.stls({ signal: controller.signal }))).toBe("POP3_ABORTED");
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });

  it("a conversation given up between a challenge and its response is not gone on with", async () => {
    const controller = new AbortController();
    const mechanism: SaslMechanism = {
      name: "X-TEST",
      cleartext: false,
      start: () => ({
        respond: (challenge) => {
          controller.abort();
          return challenge;
        },
      }),
    };
    await using server = await ScriptedServer.listen(
      maildropScript({ CAPA: capaAnswer("SASL X-TEST"), AUTH: "+ YWJj\r\n" }),
    );
    const client = await Pop3Client.connect(server.options(byHand));
    const { signal } = controller;
    expect(await outcome(client.authenticate({ user: "ann", pass: SECRET, mechanism }, { signal }))).toBe(
      "POP3_ABORTED",
    );
    // The server still waits for a response: whatever is sent next would be taken for it.
    const next = await outcome(client.capa());
    expect(next).not.toBe("ok");
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands).toEqual(["CAPA", "AUTH X-TEST"]);
  });
});

it("an abort behind connect does nothing to what connect left in flight", async () => {
  const gate = new Gate();
  await using server = await ScriptedServer.listen(
    maildropScript({
      CAPA: async (peer) => {
        if (peer.commands.filter((line) => line === "CAPA").length === 1) {
          return capaAnswer("UIDL", "SASL PLAIN", "PIPELINING");
        }
        await gate.opened;
        return capaAnswer("UIDL", "SASL PLAIN", "PIPELINING", "X-BEHIND-LOGIN");
      },
    }),
  );
  const controller = new AbortController();
  const client = await Pop3Client.connect(server.options(), { signal: controller.signal });
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  const next = client.uidl(3);
  await until(() => server.peers[0]?.commands.includes("UIDL 3") === true);
  controller.abort();
  gate.open();
  expect(await next).toBe(uidOf(3));
  expect(client.capabilities.all.has("X-BEHIND-LOGIN")).toBe(true);
  client.close();
});
