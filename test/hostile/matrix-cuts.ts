// Every answer of a session in two packets, cut at each octet in turn: no cut makes a difference.
import { expect, vi } from "vitest";
import { turns } from "../support/turns.ts";
import { answerTo, GREETING, HANDSHAKE, type Course, type Mode } from "./matrix-session.ts";
import { clientOf, converse, expectResults, serve } from "./matrix-cell.ts";
import type { MatrixServer } from "./matrix-server.ts";

/** Octets of the longest answer to such lines. */
export function longestAnswer(lines: readonly string[], mode: Mode): number {
  return Math.max(...lines.map((line) => (line === HANDSHAKE ? 0 : answerTo(line, mode).length)));
}

/** Plays the session with each answer cut after `octets` octets. Resolves with the number of longer answers. */
export async function playCuts(server: MatrixServer, course: Course, octets: number): Promise<number> {
  const { lines, mode } = course;
  let cuts = 0;
  server.play((peer) => {
    let kept = "";
    let answered = 0;
    return serve(peer, lines, async (turn) => {
      const line = lines[turn] as string;
      if (line === HANDSHAKE) return peer.startTls();
      if (line !== GREETING) answered++;
      const answer = answerTo(line, mode);
      if (octets < answer.length) cuts++;
      // The end of one answer and the beginning of the next come together if that was already requested.
      await peer.send(kept + answer.slice(0, octets));
      await turns(2);
      kept = answer.slice(octets);
      if (peer.commands.length > answered) return;
      await peer.send(kept);
      kept = "";
    });
  });
  const results = await converse(clientOf(server, course), mode);
  await server.over();
  expect(vi.getTimerCount(), "timers").toBe(0);
  expectResults(
    results,
    results.map(() => "resolved"),
    (line) => answerTo(line, mode),
  );
  return cuts;
}
