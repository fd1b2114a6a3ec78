// The events that a connection can have at a point of the fault matrix, and the code of each.
import { vi } from "vitest";
import type { Peer } from "../support/peer.ts";
import { turns } from "../support/turns.ts";
import { endAs } from "../support/wire-ends.ts";
import { GREETING, HANDSHAKE, LOGINS, type Course } from "./matrix-session.ts";
import { octets } from "./steps.ts";

/** A place in the answer to a line of the session. */
export interface Point extends Course {
  /** Which of the lines. */
  readonly at: number;
  readonly line: string;
  /** How many octets of its answer come before. */
  readonly octets: number;
  readonly within: "line" | "block" | "handshake";
}

/** The server's side of a connection at that point, and what it still has to send there. */
interface Place {
  readonly peer: Peer;
  /** The rest of the answer. */
  readonly rest: string;
  /** Octets of the answer, right or wrong. */
  readonly send: (octets: string) => Promise<void>;
  /** Octets below TLS, if there is any. */
  readonly sendRaw: (octets: string) => void;
}

/** What comes of it: of the call that is being answered, and of every call from then on. */
export interface Outcome {
  /** `resolved`, `left`, or a code. */
  readonly first: string;
  /** `resolved`: the session continues unharmed. `undefined`: it cannot be known which call an answer belongs to. */
  readonly then: string | undefined;
  /** The client connects once more, without the CAPA that was struck, and all goes well. */
  readonly again?: boolean;
}

export interface Fault {
  readonly name: string;
  /** With pipelined calls: no later command is sent until the answer with the fault has come. @default false */
  readonly alone?: boolean;
  readonly strike: (place: Place, point: Point) => Promise<void>;
  /** `undefined`: there is no such fault at that point. */
  readonly outcome: (point: Point) => Outcome | undefined;
}

/** Longer than every clock is by default; milliseconds. */
const LONG = 61_000;
const GARBAGE = "\xff\xfe\x00garbage HTTP/1.1 400\n\r\n\x16\x03\x01\r\n.\r\n";
const FLOOD = octets("A".repeat(64 * 1024));

const both = (code: string): Outcome => ({ first: code, then: code });

/** A session that CAPA ends while `connect` waits for it is dialled once more. */
function unlessCapa({ line, mode }: Point, outcome: Outcome): Outcome {
  return line === "CAPA" && mode === "single calls" ? { ...both("resolved"), again: true } : outcome;
}

/** QUIT has deletions to commit: if its reply is lost, it is unknown whether the server committed them. */
function unlessQuit({ line }: Point, { first, then }: Outcome): Outcome {
  return line === "QUIT" ? { first: "POP3_COMMIT_UNKNOWN", then } : { first, then };
}

/** Whether the answer is that to a proof of who the user is. */
function isLogin({ line, mechanism }: Point): boolean {
  return LOGINS[mechanism].slice(1).includes(line);
}

/** Octets that are not POP3. A block may contain them; in a listing they fail only its own call. */
function wrong(point: Point): Outcome {
  if (point.within === "line") return unlessQuit(point, both("POP3_PROTOCOL"));
  const listing = point.line === "LIST" || point.line === "UIDL";
  return listing ? { first: "POP3_BAD_LISTING", then: "resolved" } : both("resolved");
}

/** By the clock that is to end it: of a status line, of a block between two octets, and of all of it. */
function late(point: Point, ofBlock: string): Outcome {
  const { line, within } = point;
  if (line === HANDSHAKE) return both("POP3_TLS_TIMEOUT");
  if (line === GREETING) return both("POP3_GREETING_TIMEOUT");
  // All of a CAPA response has to come within the time of its first line.
  return unlessQuit(point, both(within === "block" && line !== "CAPA" ? ofBlock : "POP3_COMMAND_TIMEOUT"));
}

/** The connection ends: with a word of farewell or without. */
function closed(point: Point): Outcome {
  if (point.line === HANDSHAKE) return both("POP3_TLS_HANDSHAKE");
  const first = isLogin(point)
    ? "POP3_AUTH_CLOSED"
    : point.within === "block"
      ? "POP3_TRUNCATED"
      : "POP3_CLOSED";
  return unlessCapa(point, unlessQuit(point, { first, then: "POP3_CLOSED" }));
}

export const FAULTS: readonly Fault[] = [
  { name: "FIN", strike: ({ peer }) => endAs(peer, "close"), outcome: closed },
  {
    name: "FIN without close_notify",
    strike: ({ peer }) => endAs(peer, "cut"),
    outcome: (point) => (point.protection === "plain" ? undefined : closed(point)),
  },
  {
    name: "RST",
    strike: ({ peer }) => endAs(peer, "reset"),
    outcome: (point) =>
      unlessCapa(
        point,
        unlessQuit(point, both(point.line === HANDSHAKE ? "POP3_TLS_HANDSHAKE" : "POP3_RESET")),
      ),
  },
  {
    name: "silence",
    strike: async ({ peer }) => {
      await turns();
      vi.advanceTimersByTime(LONG);
      await peer.gone;
    },
    outcome: (point) => late(point, "POP3_IDLE_TIMEOUT"),
  },
  {
    name: "a trickle",
    strike: async ({ peer, send }, { line }) => {
      // A record of TLS that goes on and on.
      if (line === HANDSHAKE) await send("\x16\x03\x03\x3f\xff");
      while (!peer.over) {
        await send(line === HANDSHAKE ? "\0" : "x");
        await turns(2);
        // Twelve octets a minute.
        vi.advanceTimersByTime(5000);
      }
    },
    outcome: (point) => late(point, "POP3_TOTAL_TIMEOUT"),
  },
  {
    name: "its rest octet by octet",
    strike: async ({ rest, send }) => {
      for (const octet of rest) {
        await send(octet);
        await turns(1);
      }
    },
    outcome: ({ line }) => (line === HANDSHAKE ? undefined : both("resolved")),
  },
  {
    name: "garbage",
    strike: ({ send }) => send(GARBAGE),
    outcome: (point) => {
      const { line, within, lines, at } = point;
      if (line === HANDSHAKE) return both("POP3_TLS_HANDSHAKE");
      // STLS is no longer listed.
      if (within === "block" && lines[at + 1] === "STLS") return both("POP3_TLS_REQUIRED");
      return wrong(point);
    },
  },
  {
    name: "a NUL",
    strike: ({ rest, send }) => send(`\0${rest}`),
    outcome: (point) => (point.line === HANDSHAKE ? undefined : wrong(point)),
  },
  {
    name: "a flood",
    strike: async ({ peer }) => {
      while (!peer.over) await peer.send(FLOOD);
    },
    outcome: (point) => {
      const { line, within } = point;
      if (line === HANDSHAKE) return both("POP3_TLS_HANDSHAKE");
      if (within === "block") {
        if (line === "RETR 2") return { first: "left", then: "POP3_ABANDONED" };
        if (line === "RETR 1" || line === "TOP 1 0") return both("POP3_MESSAGE_TOO_LARGE");
        if (line === "CAPA" || line === "XTND") return both("POP3_RESPONSE_TOO_LARGE");
      }
      return unlessQuit(point, both("POP3_LINE_TOO_LONG"));
    },
  },
  {
    name: "an extra reply",
    alone: true,
    strike: ({ rest, send }) => send(`${rest}+OK extra\r\n`),
    outcome: ({ line, lines, at }) => {
      if (line === HANDSHAKE) return both("POP3_TLS_HANDSHAKE");
      if (line === "STLS") return both("POP3_TLS_INJECTION");
      if (line === "QUIT") return { first: "resolved", then: "POP3_CLOSED" };
      const connecting = at < lines.indexOf("STAT");
      return { first: connecting ? "POP3_UNSOLICITED" : "resolved", then: "POP3_UNSOLICITED" };
    },
  },
  {
    name: "an extra reply before others",
    strike: ({ rest, send }) => send(`${rest}+OK extra\r\n`),
    outcome: ({ line, lines, at, mode }) => {
      if (mode === "single calls" || line === "QUIT" || at < lines.indexOf("STAT")) return undefined;
      return { first: "resolved", then: undefined };
    },
  },
  {
    name: "a broken record of TLS",
    strike: async ({ sendRaw }) => sendRaw(`\x17\x03\x03\x00\x40${"?".repeat(64)}`),
    outcome: (point) => {
      const { line, lines, at } = point;
      if (lines.lastIndexOf(HANDSHAKE, at) === -1) return undefined;
      if (line === HANDSHAKE) return both("POP3_TLS_HANDSHAKE");
      return unlessCapa(point, unlessQuit(point, both("POP3_CLOSED")));
    },
  },
];
