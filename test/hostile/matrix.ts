// Every fault at every point of a session.
import { expect, vi } from "vitest";
import type { Protection } from "../support/scripted-server.ts";
import { playCell } from "./matrix-cell.ts";
import { longestAnswer, playCuts } from "./matrix-cuts.ts";
import { FAULTS, type Fault, type Point } from "./matrix-faults.ts";
import { MatrixServer } from "./matrix-server.ts";
import {
  answerTo,
  HANDSHAKE,
  linesOf,
  LOGINS,
  shown,
  type Course,
  type Mechanism,
  type Mode,
} from "./matrix-session.ts";
import type { Row } from "./row.ts";

/** How much of the matrix was played. */
export const PLAYED: { cells: number; cuts: number } = { cells: 0, cuts: 0 };

/** How long a cell may take that hangs, in milliseconds. */
const HANGING = 5000;
const HANGS = new Error("it hangs, and the cells after it were not played");
// Those of the clock on the wall, whatever becomes of the clocks of the client.
const { setTimeout, clearTimeout } = globalThis;

const PROTECTIONS: readonly Protection[] = ["plain", "stls", "tls"];
const MODES: readonly Mode[] = ["single calls", "pipelined calls"];
const MECHANISMS: readonly Mechanism[] = ["USER", "LOGIN"];

function courseOf(protection: Protection, mode: Mode, mechanism: Mechanism): Course {
  return { protection, mode, mechanism, lines: linesOf(protection, mechanism) };
}

/** The indices of the login's lines: the first, and the one after the last. */
function loginOf({ lines, mechanism }: Course): [from: number, to: number] {
  const from = lines.indexOf(LOGINS[mechanism][0] as string);
  return [from, from + LOGINS[mechanism].length];
}

/** The points of a session: within each line of the server, and within each block. */
function pointsOf(course: Course): Point[] {
  const { lines, mode, mechanism } = course;
  const [from, to] = loginOf(course);
  return lines.flatMap((line, at): Point[] => {
    // The second login differs from the first in its own lines only; and up to its end there is nothing to pipeline.
    if (mechanism === "LOGIN" && (at < from || at >= to)) return [];
    if (mode === "pipelined calls" && at < to) return [];
    const point = { ...course, at, line };
    if (line === HANDSHAKE) return [{ ...point, octets: 0, within: "handshake" }];
    const answer = answerTo(line, mode);
    const blockStart = answer.indexOf("\r\n") + 2;
    const status: Point = { ...point, octets: 2, within: "line" };
    return blockStart < answer.length
      ? [status, { ...point, octets: blockStart + 3, within: "block" }]
      : [status];
  });
}

function nameOf({ line, lines, at, within, mechanism }: Point): string {
  const nth = lines.slice(0, at + 1).filter((each) => each === line).length;
  const where = within === "handshake" ? "" : `in the ${within} of `;
  return `${where}${shown(line)}${nth > 1 ? ` (${nth})` : ""} (${mechanism})`;
}

/** Plays one after the other. Fails with the names of those that failed, and why. */
async function playEach<T>(
  all: readonly T[],
  name: (each: T) => string,
  play: (server: MatrixServer, each: T) => Promise<void>,
): Promise<void> {
  const failures: string[] = [];
  await using server = await MatrixServer.listen();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    for (const each of all) {
      await server.forget();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(HANGS), HANGING);
      });
      try {
        await Promise.race([play(server, each), late]);
      } catch (error) {
        failures.push(`${name(each)}: ${error instanceof Error ? error.message : String(error)}`);
        server.drop();
        vi.clearAllTimers();
        // A fault that hangs in several cells would outlast its test, and spoil the tests after it.
        if (error === HANGS) break;
      } finally {
        clearTimeout(timer);
      }
    }
  } finally {
    vi.useRealTimers();
  }
  expect(failures).toEqual([]);
}

function faultRow(fault: Fault, protection: Protection, mode: Mode): Row[] {
  const cells = MECHANISMS.flatMap((mechanism) => pointsOf(courseOf(protection, mode, mechanism))).flatMap(
    (point) => {
      const outcome = fault.outcome(point);
      return outcome === undefined ? [] : [{ point, outcome }];
    },
  );
  if (cells.length === 0) return [];
  const play = async (): Promise<void> =>
    playEach(
      cells,
      ({ point }) => nameOf(point),
      async (server, { point, outcome }) => {
        await playCell(server, point, fault, outcome);
        PLAYED.cells++;
      },
    );
  return [{ row: "3D.121", name: `${fault.name}, at ${cells.length} points (${protection}, ${mode})`, play }];
}

function cutsRow(protection: Protection, mode: Mode): Row {
  const sessions = MECHANISMS.flatMap((mechanism) => {
    const course = courseOf(protection, mode, mechanism);
    // The second login differs from the first in its own lines only.
    const lines = mechanism === "LOGIN" ? course.lines.slice(...loginOf(course)) : course.lines;
    const longest = longestAnswer(lines, mode);
    return Array.from({ length: longest - 1 }, (_, index) => ({ course, octets: index + 1 }));
  });
  const play = async (): Promise<void> =>
    playEach(
      sessions,
      ({ course, octets }) => `${octets} octets (${course.mechanism})`,
      async (server, { course, octets }) => {
        PLAYED.cuts += await playCuts(server, course, octets);
      },
    );
  return {
    row: "3D.121",
    name: `every answer in two packets, cut at each octet (${protection}, ${mode})`,
    play,
  };
}

export const MATRIX: readonly Row[] = PROTECTIONS.flatMap((protection) =>
  MODES.flatMap((mode) => [
    ...FAULTS.flatMap((fault) => faultRow(fault, protection, mode)),
    cutsRow(protection, mode),
  ]),
);
