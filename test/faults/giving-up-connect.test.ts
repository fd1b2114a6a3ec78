// An aborted connect() closes everything that it opened and sends nothing more, at every point.
import { getEventListeners } from "node:events";
import * as net from "node:net";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { Gate } from "../support/gate.ts";
import { capaAnswer, maildropScript, uidOf, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer, SECRET, type Protection } from "../support/scripted-server.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";

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
  "the handshake after STLS": { protection: "stls", answers: { STLS: "+OK\r\n" }, commands: 2 },
  USER: { answers: { USER: never }, options: { auth: user }, commands: 2 },
  PASS: { answers: { PASS: never }, options: { auth: user }, commands: 3 },
  AUTH: { answers: { AUTH: never }, options: { auth: login }, commands: 2 },
  "the CAPA after the login": {
    answers: {
      CAPA: (peer) => (peer.commands.length === 1 ? capaAnswer("SASL PLAIN") : never()),
    },
    commands: 3,
  },
};

describe.each(Object.entries(POINTS))("connect() at the point: %s", (_name, point) => {
  it.each(["aborted", "closed"])("rejects when it is %s", async (how) => {
    await using server = await ScriptedServer.listen(maildropScript(point.answers), point.protection);
    const client = new Pop3Client(server.options(point.options));
    const controller = new AbortController();
    const connecting = outcome(client.connect({ signal: controller.signal }));
    const peer = await server.peer();
    await until(() => peer.commands.length === (point.commands ?? 0));
    await turns(5);
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

it("connect() rejects on abort before the handshake of TLS from the first octet", async () => {
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

it("connect() rejects on abort while the name is resolved", async () => {
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

it("connect() rejects on close() while the name is resolved, and ignores the later address", async () => {
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
  // If the client had connected, this connection would be accepted after it.
  await new Promise<void>((resolve) => {
    const other = net.connect(server.port, "127.0.0.1", () => other.destroy());
    other.once("close", () => {
      resolve();
    });
  });
  await until(() => taken > 0);
  expect(taken).toBe(1);
});

it("connect() rejects on abort during the TCP handshake", async () => {
  // Not every system offers a listener whose backlog is never emptied: the caller's own socket stands in for it.
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

it("connect() rejects with an aborted signal", async () => {
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

describe("a secret that takes long", () => {
  const auth = { user: "ann", pass: () => new Promise<string>(() => undefined) };

  it.each(["aborted", "closed", "the server closes"])("does not delay connect() when: %s", async (how) => {
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

it("an abort after connect() does not affect the commands that connect() left in flight", async () => {
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
