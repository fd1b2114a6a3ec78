// One cell of the fault matrix: one session, one fault at one point of it, and the conditions that must hold
// after it.
import { expect, vi } from "vitest";
import { Pop3Client, Pop3Error } from "popwright";
import { SECRET } from "../support/secret.ts";
import { MIB } from "../support/large-message.ts";
import type { Peer } from "../support/peer.ts";
import { turns, until } from "../support/turns.ts";
import type { Fault, Outcome, Point } from "./matrix-faults.ts";
import type { MatrixServer, Script } from "./matrix-server.ts";
import {
  answerTo,
  CALLS,
  GREETING,
  HANDSHAKE,
  LEFT,
  type Call,
  type Course,
  type Mode,
} from "./matrix-session.ts";
import { octets } from "./steps.ts";
import { theWitness } from "./witness.ts";

/** What became of a call. */
export interface Result {
  /** `resolved`, `left`, or the code of its error. */
  readonly code: string;
  readonly value?: unknown;
  readonly error?: unknown;
}

async function resultOf(call: Promise<unknown>): Promise<Result> {
  try {
    const value = await call;
    return value === LEFT ? { code: "left" } : { code: "resolved", value };
  } catch (error) {
    return { code: Pop3Error.is(error) ? error.code : String(error), error };
  }
}

export function clientOf(server: MatrixServer, { protection, mode, mechanism }: Course): Pop3Client {
  return new Pop3Client({
    ...server.options(protection),
    // What is wrong in a listing is to fail its call, as in any other block.
    listings: "strict",
    auth: { user: "ann", pass: SECRET, mechanism },
    pipelining: mode === "pipelined calls" ? "auto" : false,
    limits: { message: MIB, drain: MIB },
  });
}

/** All of a session: `connect`, and the calls. Where they are pipelined, those from `before` on wait for its end. */
export async function converse(
  client: Pop3Client,
  mode: Mode,
  before: number = CALLS.length,
): Promise<Result[]> {
  const results = [await resultOf(client.connect())];
  const ask = ({ run }: Call): Promise<Result> => resultOf(run(client));
  if (mode === "single calls") {
    for (const call of CALLS) results.push(await ask(call));
    return results;
  }
  results.push(...(await Promise.all(CALLS.slice(0, before).map(ask))));
  if (before < CALLS.length) await until(() => client.state === "closed");
  return [...results, ...(await Promise.all(CALLS.slice(before).map(ask)))];
}

/** Answers each line of a session in its turn. Throws for a line that does not belong there. */
export async function serve(
  peer: Peer,
  lines: readonly string[],
  answer: (turn: number) => Promise<void>,
): Promise<void> {
  for (const [turn, line] of lines.entries()) {
    if (line !== GREETING && line !== HANDSHAKE) {
      const said = await peer.line();
      if (said === undefined) return;
      if (said !== line) throw new Error(`not the line of turn ${turn}: ${said.split(" ", 1)[0] ?? ""}`);
    }
    await answer(turn);
  }
  peer.end();
}

/** What has to become of `connect` and of each call; `undefined`: one thing or the other. */
function expected({ lines, at, mode, within }: Point, { first, then }: Outcome): (string | undefined)[] {
  const struck = at - (lines.length - CALLS.length);
  return [-1, ...CALLS.keys()].map((call) => {
    // A message counts when the next reply has begun, if that is to come.
    const waits = mode === "pipelined calls" && call === struck - 1 && within === "line";
    if (waits && first !== "resolved" && /^(?:RETR|TOP)/.test(CALLS[call]?.line ?? "")) return then;
    // With pipelining `connect` does not wait for the last answer.
    if (call < struck || (call === struck && call === -1 && mode === "pipelined calls")) return "resolved";
    return call === Math.max(struck, -1) ? first : then;
  });
}

/** Plays it, and fails where anything is not as it has to be. */
export async function playCell(
  server: MatrixServer,
  point: Point,
  fault: Fault,
  outcome: Outcome,
): Promise<void> {
  const { lines, at, mode } = point;
  const sent = new Map<string, string>();
  let commands = 0;
  const sendTo = (peer: Peer, line: string) => async (text: string) => {
    sent.set(line, (sent.get(line) ?? "") + text);
    await peer.send(text);
  };
  const struck: Script = (peer, socket) =>
    serve(peer, lines, async (turn) => {
      const line = lines[turn] as string;
      const send = sendTo(peer, line);
      if (turn !== at) return line === HANDSHAKE ? peer.startTls() : send(answerTo(line, mode));
      const answer = line === HANDSHAKE ? "" : answerTo(line, mode);
      await send(answer.slice(0, point.octets));
      await turns(5);
      commands = peer.commands.length;
      const place = { peer, send, rest: answer.slice(point.octets) };
      await fault.strike({ ...place, sendRaw: (text) => socket.write(octets(text)) }, point);
    });
  const linesAgain = lines.filter((line, turn) => line !== "CAPA" || turn < at);
  const again: Script = (peer) =>
    serve(peer, linesAgain, async (turn) => {
      const line = linesAgain[turn] as string;
      return line === HANDSHAKE ? peer.startTls() : sendTo(peer, line)(answerTo(line, mode));
    });
  server.play(struck, ...(outcome.again === true ? [again] : []));
  const client = clientOf(server, point);
  let closings = 0;
  client.on("close", () => closings++);
  const asked = fault.alone === true ? at + 1 - (lines.length - CALLS.length) : CALLS.length;
  const results = await converse(client, mode, Math.max(asked, 0));
  await until(() => client.state === "closed");
  const peer = await server.over();

  const wanted = expected(point, outcome);
  expectResults(results, wanted, (line) => sent.get(line) ?? "");
  expect(closings, "`close` events").toBe(results[0]?.code === "resolved" ? 1 : 0);
  expect(vi.getTimerCount(), "timers").toBe(0);
  theWitness().saw(client);
  // The first error of each code: later ones differ in their commands only.
  for (const code of new Set(results.map((result) => result.code)))
    theWitness().saw(results.find((result) => result.code === code)?.error);
  // Nothing is written after the failure.
  if (outcome.then === "resolved")
    commands = (outcome.again === true ? linesAgain : lines).filter(
      (line) => line !== GREETING && line !== HANDSHAKE,
    ).length;
  if (outcome.then !== undefined) expect(peer.commands, "commands").toHaveLength(commands);
}

/** Codes, and what was resolved with, as far as it is known whose answer it is. */
export function expectResults(
  results: readonly Result[],
  wanted: readonly (string | undefined)[],
  sent: (line: string) => string,
): void {
  const wrong: string[] = [];
  for (const [index, { code, value, error }] of results.entries()) {
    const call = CALLS[index - 1];
    const name = call?.line ?? "connect";
    const want = wanted[index];
    if (code !== want && (want !== undefined || !/^(?:resolved|left|POP3_\w+)$/.test(code)))
      wrong.push(`${name}: ${code}, not ${want ?? "one of ours"} (${String(error)})`);
    if (want === "resolved" && call !== undefined) expect(value, name).toEqual(call.wants(sent(call.line)));
  }
  if (wrong.length > 0) throw new Error(wrong.join("; "));
}
