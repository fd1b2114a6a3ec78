// How a connection ends, and at which octet of which answer: the points of the fault matrix.
import { honestAnswer, maildropScript, type MaildropOptions } from "./maildrop-script.ts";
import { SECRET, type Script } from "./scripted-server.ts";
import type { Peer } from "./peer.ts";
import { turns } from "./turns.ts";

/** FIN (under TLS with close_notify), FIN in the middle of TLS, RST, or silence for ever. */
export type End = "close" | "cut" | "reset" | "stall";

/** A point at which the server ends the connection. */
export interface Point {
  /** For the name of the test. */
  readonly name: string;
  /** The command line whose answer is cut; empty: the greeting. */
  readonly line: string;
  /** Which of the answers to this line, from 1 on. */
  readonly nth: number;
  /** Octets of the answer that are sent; negative: all but that many. */
  readonly octets: number;
  /** What the client is in then: waiting for a status line, or within a block. */
  readonly within: "line" | "block";
}

function points(line: string, cuts: readonly [number, Point["within"]][], nth = 1): Point[] {
  const name = `${line.replaceAll(/PASS .*|^[A-Za-z0-9]{6,}=*$/g, "a secret") || "the greeting"} (${String(nth)})`;
  return cuts.map(([octets, within]) => ({
    name: `${name} at ${String(octets)}`,
    line,
    nth,
    octets,
    within,
  }));
}

const LINE = [0, 3, -1].map((at): [number, Point["within"]] => [at, "line"]);
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** All of what `connect` reads without TLS, with AUTH LOGIN. */
export const CONNECT_POINTS: readonly Point[] = [
  ...points("", LINE),
  ...points("CAPA", [...LINE.slice(0, 2), [5, "block"], [9, "block"], [-1, "block"]]),
  ...points("AUTH LOGIN", LINE),
  ...points(base64("ann"), LINE),
  ...points(base64(SECRET), LINE),
];

/** The CAPA after the login, which `connect` waits for if it may not pipeline. */
export const SECOND_CAPA_POINTS: readonly Point[] = points(
  "CAPA",
  [
    [0, "line"],
    [9, "block"],
  ],
  2,
);

/** What `connect` reads until TLS begins; STLS has no pipelining before it. */
export const STLS_POINTS: readonly Point[] = [
  ...points("", LINE),
  ...points("CAPA", [
    [0, "line"],
    [9, "block"],
  ]),
  ...points("STLS", LINE),
];

/** By the commands of the session that `ends.test.ts` runs, in their order. */
export const SESSION_POINTS: readonly Point[] = [
  ...points("STAT", LINE),
  ...points("LIST", [
    [0, "line"],
    [4, "line"],
    [5, "block"],
    [8, "block"],
    [-1, "block"],
  ]),
  ...points("UIDL", [
    [2, "line"],
    [5, "block"],
    [12, "block"],
    [-3, "block"],
  ]),
  ...points("RETR 1", [
    [0, "line"],
    [2, "line"],
    [-40, "block"],
  ]),
  ...points("RETR 2", LINE.slice(0, 2)),
  // At each octet of CRLF . CRLF, but the last.
  ...points("RETR 2", [
    [-5, "block"],
    [-4, "block"],
    [-3, "block"],
    [-2, "block"],
    [-1, "block"],
  ]),
  ...points("DELE 3", LINE),
  ...points("QUIT", LINE),
];

/** An honest server that ends as is said, at the point that is said. */
export function endingScript(point: Point, end: End, options: MaildropOptions): Script {
  let seen = 0;
  const whole = (line: string): string => LOGIN_ANSWERS[line] ?? honestAnswer(line, options);
  return maildropScript(
    {
      ...LOGIN_ANSWERS,
      [point.line || "greeting"]: async (peer) => {
        const answer = point.line === "" ? "+OK ready\r\n" : whole(point.line);
        if (++seen !== point.nth) return answer;
        await peer.send(answer.slice(0, point.octets < 0 ? answer.length + point.octets : point.octets));
        await endAs(peer, end);
        return undefined;
      },
    },
    options,
  );
}

const LOGIN_ANSWERS: Readonly<Record<string, string>> = {
  "AUTH LOGIN": `+ ${base64("Username:")}\r\n`,
  [base64("ann")]: `+ ${base64("Password:")}\r\n`,
  [base64(SECRET)]: "+OK logged in\r\n",
};

export async function endAs(peer: Peer, end: End): Promise<void> {
  // What was sent is to be read first: RST takes it away, and a cut what TLS has not encrypted yet.
  await turns(10);
  if (end === "close") peer.end();
  else if (end === "cut") peer.cut();
  else if (end === "reset") peer.reset();
  await peer.gone;
}
