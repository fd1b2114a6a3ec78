// Aborting a login, STLS or QUIT in flight closes the connection, because the state of the server is unknown.
import { getEventListeners } from "node:events";
import * as net from "node:net";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions, type SaslMechanism } from "popwright";
import { Gate } from "../support/gate.ts";
import { capaAnswer, maildropScript, uidOf, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer, SECRET } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();

const never = (): Promise<undefined> => new Promise(() => undefined);

const user = { user: "ann", pass: SECRET, mechanism: "USER" };
const login = { user: "ann", pass: SECRET, mechanism: "LOGIN" };

describe("by hand", () => {
  // The session would survive a reply to USER, so it is waited for; here none comes.
  const byHand = { auth: undefined, timeouts: { drain: 50 } } as unknown as Partial<Pop3ClientOptions>;
  const CALLS: Record<string, [Answers, (client: Pop3Client, signal: AbortSignal) => Promise<void>]> = {
    user: [{ USER: never }, (client, signal) => client.user("ann", { signal })],
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
    "%s, aborted in flight, closes the connection",
    async (name, [answers, call]) => {
      await using server = await ScriptedServer.listen(
        maildropScript({ greeting: "+OK <1.2@example.com>\r\n", ...answers }),
      );
      const client = await Pop3Client.connect(server.options(byHand));
      const held = Object.keys(answers)[0] as string;
      const controller = new AbortController();
      const given = outcome(call(client, controller.signal));
      await until(() => server.peers[0]?.commands.some((line) => line.startsWith(held)) === true);
      await turns(5);
      controller.abort();
      expect(await given, name).toBe("POP3_ABORTED");
      await server.peers[0]?.gone;
      expect(client.state).toBe("closed");
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    },
  );

  it.each(Object.entries(CALLS))(
    "%s with an aborted signal sends nothing, and the session continues",
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

  it("close() during the handshake after STLS rejects with POP3_CLOSED", async () => {
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

  it("an abort between the reply to STLS and the handshake leaves no socket open", async () => {
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

  it("an abort between a challenge and its response stops the exchange", async () => {
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

  it("an abort after USER, before any secret was sent, leaves the session in step or closed", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      maildropScript({ USER: () => gate.opened.then(() => "+OK\r\n") }),
    );
    const client = await Pop3Client.connect(server.options(byHand));
    const controller = new AbortController();
    const given = outcome(client.authenticate(user, { signal: controller.signal }));
    await until(() => server.peers[0]?.commands.includes("USER ann") === true);
    controller.abort();
    expect(await given).toBe("POP3_ABORTED");
    gate.open();
    if (client.state === "authorization") {
      expect((await client.capa()).uidl).toBe(true);
      await client.authenticate(user);
      expect(await client.uidl(3)).toBe(uidOf(3));
    }
    client.close();
  });
});
