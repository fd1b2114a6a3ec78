// Every point of a session against everything that a connection can do there.
import { expect, vi } from "vitest";
import { Pop3Client } from "popwright";
import { codeOf } from "../client/outcome.ts";
import { base64, SECRET } from "../client/secret.ts";
import { MIB } from "../faults/large-message.ts";
import { honestAnswer } from "../faults/maildrop-script.ts";
import { ScriptedServer, type Peer, type Script } from "../faults/scripted-server.ts";
import { turns, until } from "../faults/turns.ts";
import { endAs } from "../faults/wire-ends.ts";
import type { Row } from "./row.ts";
import { octets } from "./steps.ts";
import { theWitness } from "./witness.ts";

/** What is asked behind the login, in order, and what comes of it. */
const CALLS: readonly [line: string, call: (client: Pop3Client) => Promise<unknown>][] = [
  ["STAT", (client) => client.stat()],
  ["LIST", (client) => client.list()],
  ["UIDL", (client) => client.uidl()],
  ["LIST 1", (client) => client.list(1)],
  ["UIDL 1", (client) => client.uidl(1)],
  ["RETR 1", (client) => client.retr(1)],
  [
    "RETR 2",
    async (client) => {
      let size = 0;
      for await (const piece of client.retrStream(2)) if ((size += (piece as Buffer).length) > MIB) break;
    },
  ],
  ["TOP 1 0", (client) => client.top(1)],
  ["NOOP", (client) => client.noop()],
  ["RSET", (client) => client.rset()],
  ["DELE 1", (client) => client.dele(1)],
  ["ECHO x", (client) => client.command("ECHO x")],
  ["QUIT", (client) => client.quit()],
];

/** As a raw server reads it: an octet, a character. */
const PASS = `PASS ${Buffer.from(SECRET).toString("latin1")}`;

const LOGINS: Readonly<Record<string, readonly string[]>> = {
  USER: ["USER ann", PASS],
  LOGIN: ["AUTH LOGIN", base64("ann"), base64(SECRET)],
};
const PROMPTS: Readonly<Record<string, string>> = {
  "AUTH LOGIN": "+ VXNlcjo=\r\n",
  [base64("ann")]: "+ UGFzczo=\r\n",
};

/** The lines of a session, the greeting before them. */
const linesOf = (mechanism: string): string[] => [
  ...["", "CAPA", ...(LOGINS[mechanism] ?? []), "CAPA"],
  ...CALLS.map(([line]) => line),
];

const answerTo = (line: string): string =>
  line === "" ? "+OK ready\r\n" : (PROMPTS[line] ?? honestAnswer(line, { count: 2, pipelining: false }));

interface Point {
  readonly mechanism: string;
  readonly lines: readonly string[];
  /** Which of the lines. */
  readonly at: number;
  /** How much of its answer comes before. */
  readonly octets: number;
  readonly within: "line" | "block";
}

const POINTS: readonly Point[] = ["USER", "LOGIN"].flatMap((mechanism) => {
  const lines = linesOf(mechanism);
  return lines.flatMap((line, at): Point[] => {
    // The second login differs from the first in its own lines only.
    if (mechanism === "LOGIN" && (at < 2 || at > 4)) return [];
    const answer = answerTo(line);
    const behind = answer.indexOf("\r\n") + 2;
    const point = { mechanism, lines, at };
    const whole: Point[] = [{ ...point, octets: 2, within: "line" }];
    // The second CAPA is like the first.
    if (behind < answer.length && at !== 4) whole.push({ ...point, octets: behind + 3, within: "block" });
    return whole;
  });
});

/** Longer than every clock is by default; milliseconds. */
const LONG = 61_000;

/** What happens at a point, when the beginning of its answer was sent; and what codes the call may fail with. */
const FAULTS: Readonly<
  Record<string, { strike: (peer: Peer, rest: string) => Promise<void>; codes: RegExp }>
> = {
  FIN: {
    strike: (peer) => endAs(peer, "close"),
    codes: /^POP3_(?:CLOSED|TRUNCATED|AUTH_CLOSED|COMMIT_UNKNOWN)$/,
  },
  RST: { strike: (peer) => endAs(peer, "reset"), codes: /^POP3_(?:RESET|COMMIT_UNKNOWN)$/ },
  silence: {
    strike: async (peer) => {
      await turns();
      vi.advanceTimersByTime(LONG);
      await peer.gone;
    },
    codes: /^POP3_(?:GREETING_TIMEOUT|COMMAND_TIMEOUT|IDLE_TIMEOUT|COMMIT_UNKNOWN)$/,
  },
  "a trickle": {
    strike: async (peer) => {
      while (!peer.over) {
        await peer.send("x");
        await turns(2);
        // Twelve octets a minute.
        vi.advanceTimersByTime(5000);
      }
    },
    codes: /^POP3_(?:GREETING_TIMEOUT|COMMAND_TIMEOUT|TOTAL_TIMEOUT|COMMIT_UNKNOWN)$/,
  },
  "its rest octet by octet": {
    strike: async (peer, rest) => {
      for (const octet of rest) {
        await peer.send(octet);
        await turns(1);
      }
    },
    codes: /^resolved$/,
  },
  garbage: {
    strike: (peer) => peer.send(octets("\xff\xfe\x00garbage HTTP/1.1 400\n\r\n\x16\x03\x01\r\n.\r\n")),
    codes: /^POP3_(?:PROTOCOL|BAD_GREETING|BAD_LISTING|COMMIT_UNKNOWN)$|^resolved$/,
  },
  "a NUL": {
    strike: (peer, rest) => peer.send(`\0${rest}`),
    codes: /^POP3_(?:PROTOCOL|BAD_LISTING|COMMIT_UNKNOWN)$|^resolved$/,
  },
  "a flood": {
    strike: async (peer) => {
      const piece = octets("A".repeat(64 * 1024));
      while (!peer.over) await peer.send(piece);
    },
    codes: /^POP3_(?:LINE_TOO_LONG|RESPONSE_TOO_LARGE|MESSAGE_TOO_LARGE|ABANDONED|COMMIT_UNKNOWN)$/,
  },
};

function script(
  { lines, at, octets: before }: Point,
  strike: (peer: Peer, rest: string) => Promise<void>,
): Script {
  return async (peer) => {
    for (let turn = 0, line: string | undefined = ""; line !== undefined; line = await peer.line()) {
      const answer = answerTo(line);
      if (turn === at && line === lines[at]) {
        await peer.send(answer.slice(0, before));
        await strike(peer, answer.slice(before));
      } else await peer.send(answer);
      turn++;
      if (line === "QUIT") peer.end();
    }
    peer.end();
  };
}

/** All of a session, up to the first call that fails. */
async function converse(client: Pop3Client): Promise<void> {
  await client.connect();
  for (const [, call] of CALLS) await call(client);
}

async function strikeAt(point: Point, fault: string): Promise<void> {
  const { strike, codes } = FAULTS[fault] as (typeof FAULTS)[string];
  await using server = await ScriptedServer.listen(script(point, strike));
  const client = new Pop3Client({
    ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never", pipelining: false },
    auth: { user: "ann", pass: SECRET, mechanism: point.mechanism },
    limits: { message: MIB, drain: MIB },
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const code = await codeOf(converse(client)).finally(() => vi.useRealTimers());
  expect(code).toMatch(codes);
  theWitness().saw(client);
  // The one kind of failure that leaves the session as it was.
  if (code === "POP3_BAD_LISTING") client.close();
  await until(() => client.state === "closed");
  expect(await codeOf(client.noop())).toMatch(/^POP3_/);
  const [peer] = server.peers as [Peer];
  await peer.gone;
  // Nothing is written behind the failure.
  expect(peer.commands).toEqual(point.lines.slice(1, code === "resolved" ? undefined : point.at + 1));
}

export const MATRIX: readonly Row[] = POINTS.flatMap((point) =>
  Object.keys(FAULTS).map((fault) => {
    const line = point.lines[point.at] ?? "";
    const shown = line.replace(PASS, "PASS ****").replace(base64(SECRET), "****");
    const where =
      line === "" ? "the greeting" : `${shown}${point.lines.indexOf(line) < point.at ? " (2)" : ""}`;
    return {
      row: "3D.121",
      name: `${fault} in the ${point.within} of the answer to ${where} (${point.mechanism})`,
      play: () => strikeAt(point, fault),
    };
  }),
);
