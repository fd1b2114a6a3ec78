// For every end of the session at every point, each call settles once, with the code for what happened.
import * as net from "node:net";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "popwright";
import { stopClocks, timePasses } from "../support/clock.ts";
import { ScriptedServer, SECRET, type Protection, type Script } from "../support/scripted-server.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";
import {
  CONNECT_POINTS,
  endAs,
  endingScript,
  SECOND_CAPA_POINTS,
  SESSION_POINTS,
  STLS_POINTS,
  type End,
  type Point,
} from "../support/wire-ends.ts";

guardEachTest();
stopClocks();

/** Milliseconds. */
const CLOCK = 250;

/** Only the clock that is to go off is a short one. */
function clocksOf(point: Point): Pop3ClientOptions["timeouts"] {
  if (point.line === "") return { greeting: CLOCK };
  if (point.line === "QUIT") return { quit: CLOCK };
  return point.within === "block" && point.line !== "CAPA" ? { body: CLOCK } : { command: CLOCK };
}

const AUTH = { user: "ann", pass: SECRET, mechanism: "LOGIN" };
const RESPONSES = [AUTH.user, AUTH.pass].map((text) => Buffer.from(text).toString("base64"));
/** Sessions that run side by side. */
const SIDE_BY_SIDE = 16;

/** The code of the call that was being answered, and in `then` that of every later call. */
function expected(point: Point, end: End): { first: string; then: string } {
  if (end === "reset") return { first: "POP3_RESET", then: "POP3_RESET" };
  if (end === "stall") {
    let code = point.within === "block" ? "POP3_IDLE_TIMEOUT" : "POP3_COMMAND_TIMEOUT";
    if (point.line === "") code = "POP3_GREETING_TIMEOUT";
    // All of a CAPA response has to come within the time of its first line.
    if (point.line === "CAPA") code = "POP3_COMMAND_TIMEOUT";
    return { first: code, then: code };
  }
  // In place of the answer to a login, a close is one.
  if (RESPONSES.includes(point.line)) return { first: "POP3_AUTH_CLOSED", then: "POP3_CLOSED" };
  return { first: point.within === "block" ? "POP3_TRUNCATED" : "POP3_CLOSED", then: "POP3_CLOSED" };
}

async function forEach(
  points: readonly Point[],
  run: (point: Point) => Promise<unknown>,
): Promise<unknown[]> {
  const results: unknown[] = [];
  for (let at = 0; at < points.length; at += SIDE_BY_SIDE) {
    const some = points.slice(at, at + SIDE_BY_SIDE);
    results.push(...(await Promise.all(some.map(async (point) => [point.name, await run(point)]))));
  }
  return results;
}

/** A stream settles once, too: with `end` or `error`, and then `close`. */
function streamOutcome(client: Pop3Client, message: number): Promise<string> {
  return new Promise((resolve) => {
    const events: string[] = [];
    client
      .retrStream(message)
      .on("data", () => undefined)
      .on("end", () => events.push("ok"))
      .on("error", (error) => events.push(codeOf(error)))
      .on("close", () => {
        setImmediate(() => {
          resolve(events.join(" and "));
        });
      });
  });
}

const CALLS: readonly [string, (client: Pop3Client) => Promise<string>][] = [
  ["STAT", (client) => outcome(client.stat())],
  ["LIST", (client) => outcome(client.list())],
  ["UIDL", (client) => outcome(client.uidl())],
  ["RETR 1", (client) => streamOutcome(client, 1)],
  ["RETR 2", (client) => outcome(client.retr(2))],
  ["DELE 3", (client) => outcome(client.dele(3))],
  ["QUIT", (client) => outcome(client.quit())],
];

describe.each(["plain", "stls", "tls"] as const)("%s", (protection: Protection) => {
  const ends: End[] =
    protection === "plain" ? ["close", "reset", "stall"] : ["close", "cut", "reset", "stall"];

  describe.each(ends)("the server ends the session with %s", (end) => {
    const optionsAt = (point: Point): Partial<Pop3ClientOptions> => ({
      auth: AUTH,
      ...(end === "stall" && { timeouts: clocksOf(point) ?? {} }),
    });

    async function connecting(point: Point): Promise<unknown> {
      const script = endingScript(point, end, { pipelining: false });
      await using server = await ScriptedServer.listen(script, protection);
      const client = new Pop3Client(server.options(optionsAt(point)));
      let closings = 0;
      client.on("close", () => closings++);
      const first = await outcome(client.connect());
      const then = await outcome(client.noop());
      const { state } = client;
      const seen = closings;
      client.close();
      await Promise.all(server.peers.map(({ gone }) => gone));
      return { first, then, state, closings: seen, connections: server.peers.length };
    }

    it("within connect", async () => {
      const points = protection === "stls" ? STLS_POINTS : [...CONNECT_POINTS, ...SECOND_CAPA_POINTS];
      const results = await timePasses(forEach(points, connecting));
      expect(results).toEqual(
        points.map((point) => {
          // A session that CAPA ends is dialled once more, without that CAPA.
          const again = point.line === "CAPA" && end !== "stall";
          return [
            point.name,
            again
              ? { first: "ok", then: "ok", state: "transaction", closings: 0, connections: 2 }
              : { ...expected(point, end), state: "closed", closings: 0, connections: 1 },
          ];
        }),
      );
    });

    if (protection !== "plain") {
      it("within the handshake", async () => {
        const code = end === "stall" ? "POP3_TLS_TIMEOUT" : "POP3_TLS_HANDSHAKE";
        const script: Script = async (peer) => {
          if (protection === "stls") {
            await peer.send("+OK ready\r\n");
            await peer.line();
            await peer.send("+OK\r\nSTLS\r\n.\r\n");
            await peer.line();
            await peer.send("+OK\r\n");
          }
          await endAs(peer, end === "close" ? "cut" : end);
        };
        await using server = await ScriptedServer.listen(script, "plain");
        const client = new Pop3Client(
          server.options({
            secure: protection === "tls",
            stls: protection === "stls" ? "required" : "never",
            timeouts: { tls: end === "stall" ? CLOCK : 10_000 },
          }),
        );
        expect(await outcome(timePasses(client.connect()))).toBe(code);
        expect(client.state).toBe("closed");
        expect(await outcome(client.noop())).toBe(code);
        await (
          await server.peer()
        ).gone;
      });
    }

    it.each([true, false])("within the session, pipelined: %s", async (pipelined) => {
      const sessions = forEach(SESSION_POINTS, async (point) => {
        const script = endingScript(point, end, { pipelining: pipelined });
        await using server = await ScriptedServer.listen(script, protection);
        const client = await Pop3Client.connect(server.options(optionsAt(point)));
        let closings = 0;
        client.on("close", () => closings++);
        let codes: string[] = [];
        if (pipelined) codes = await Promise.all(CALLS.map(([, call]) => call(client)));
        else for (const [, call] of CALLS) codes.push(await call(client));
        await (
          await server.peer()
        ).gone;
        return { codes, state: client.state, closings };
      });
      const results = await timePasses(sessions);
      expect(results).toEqual(
        SESSION_POINTS.map((point) => {
          const at = CALLS.findIndex(([line]) => line === point.line);
          const { first, then } = expected(point, end);
          const codes = CALLS.map(([line], index) => {
            // A message counts when the next reply has come, if that is on its way.
            if (pipelined && index === at - 1 && line.startsWith("RETR") && point.within === "line")
              return then;
            if (index < at) return "ok";
            if (line === "QUIT" && index === at) return "POP3_COMMIT_UNKNOWN";
            return index === at ? first : then;
          });
          return [point.name, { codes, state: "closed", closings: 1 }];
        }),
      );
    });
  });
});

it.each(["close", "reset", "stall"] as const)(
  "a lost reply to QUIT is not an error if nothing was marked: %s",
  async (end) => {
    const point = SESSION_POINTS.find(({ line }) => line === "QUIT") as Point;
    await using server = await ScriptedServer.listen(endingScript(point, end, {}));
    const client = await Pop3Client.connect(server.options({ auth: AUTH, timeouts: { quit: 50 } }));
    expect(await outcome(timePasses(client.quit()))).toBe("ok");
    expect(client.state).toBe("closed");
    await (
      await server.peer()
    ).gone;
  },
);

it("the client closes after QUIT, even if the server does not", async () => {
  await using server = await ScriptedServer.listen(async (peer) => {
    await peer.send("+OK\r\n");
    await peer.line();
    await peer.send("-ERR\r\n");
    await peer.line();
    await peer.send("+OK\r\n");
    await peer.gone;
  });
  const client = await Pop3Client.connect({
    host: "127.0.0.1",
    port: server.port,
    secure: false,
    stls: "never",
  });
  await client.quit();
  await (
    await server.peer()
  ).gone;
});

it("the client's socket is closed after QUIT, even if the server's half stays open", async () => {
  const sockets: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write("+OK\r\n");
    socket.on("data", (octets) => socket.write(octets.toString() === "CAPA\r\n" ? "-ERR\r\n" : "+OK\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const socket = net.connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  const client = await Pop3Client.connect({ host: "127.0.0.1", port, secure: false, stls: "never", socket });
  await client.quit();
  await turns();
  expect(socket.destroyed).toBe(true);
  for (const each of sockets) each.destroy();
  await new Promise((resolve) => server.close(resolve));
});
