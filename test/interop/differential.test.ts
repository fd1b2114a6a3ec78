// The same octets are read by our client, Python's poplib and curl. Ours follows the letter of the RFC, and
// all differences are known.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byHand } from "./differential/by-hand.ts";
import { readSession } from "../support/by-the-letter.ts";
import { curlOutcomes, curlVersion } from "./differential/curl.ts";
import { differences, type Difference, type OtherClient } from "./differential/differences.ts";
import type { Case, Outcome } from "../support/exchange.ts";
import { generated } from "./differential/generated.ts";
import { poplibOutcomes, pythonVersion } from "./differential/poplib.ts";
import { ourMessages, ourOutcomes } from "./differential/popwright.ts";
import { Stage } from "./differential/stage.ts";
import { differenceTable } from "./differential/table.ts";

/** What each of the three made of a case. */
interface Played {
  readonly case: Case;
  readonly ours: readonly Outcome[];
  readonly poplib: readonly Outcome[];
  readonly curl: readonly Outcome[];
}

const others = ["poplib", "curl"] as const satisfies OtherClient[];
let stage: Stage;
let played: readonly Played[] = [];
const shown = new Map<Difference, number>(differences.map((difference) => [difference, 0]));

beforeAll(async () => {
  stage = await Stage.open([...byHand, ...generated]);
  const tasks = [...stage.together, ...stage.alone];
  const plays = [
    ourMessages(stage, "pipelined"),
    ourOutcomes(stage),
    poplibOutcomes(stage, tasks),
    curlOutcomes(stage, tasks),
  ] as const;
  // If one fails, the others still run to their end, and clean up.
  await Promise.allSettled(plays);
  const [together, alone, poplib, curl] = await Promise.all(plays);
  const ours = [...together.map((outcome) => [outcome]), ...alone];
  played = tasks.map((task, at) => ({
    case: task.case,
    ours: ours[at] ?? [],
    poplib: poplib[at] ?? [],
    curl: curl[at] ?? [],
  }));
  for (const each of played) for (const difference of shownBy(each)) count(difference);
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  const [python, curl] = [await pythonVersion(), await curlVersion()];
  const clients = {
    poplib: { version: python, same: sameAsOurs("poplib") },
    curl: { version: curl, same: sameAsOurs("curl") },
  };
  process.stdout.write(differenceTable({ clients, cases: played.length, shown }));
});

const same = (some: readonly Outcome[], more: readonly Outcome[]): boolean =>
  JSON.stringify(some) === JSON.stringify(more);

function sameAsOurs(client: OtherClient): number {
  return played.filter((each) => same(each.ours, each[client])).length;
}

function count(difference: Difference): void {
  shown.set(difference, (shown.get(difference) ?? 0) + 1);
}

function differencesOf(client: OtherClient): Difference[] {
  return differences.filter((difference) => difference.client === client);
}

/** What the client should have made of it, by all that is known of it, or by all but one thing. */
function foretold({ exchanges }: Case, client: OtherClient, but?: Difference): Outcome[] {
  const known = differencesOf(client).filter((difference) => difference !== but);
  return readSession(known.reduce((session, { rewrite }) => rewrite(session), exchanges));
}

/** A case shows what its outcome cannot be foretold without. */
function shownBy(each: Played): Difference[] {
  return others.flatMap((client) => {
    if (!same(each[client], foretold(each.case, client))) return [];
    return differencesOf(client).filter((one) => !same(each[client], foretold(each.case, client, one)));
  });
}

/** The first few cases in which the outcomes are not as expected, in readable form. */
function unlike(
  seen: (each: Played) => readonly Outcome[],
  expected: (each: Played) => readonly Outcome[],
): string[] {
  return played
    .filter((each) => !same(seen(each), expected(each)))
    .slice(0, 5)
    .map((each) => {
      const outcomes = { seen: seen(each), expected: expected(each), ours: each.ours };
      return `${each.case.name}: ${JSON.stringify({ ...outcomes, exchanges: each.case.exchanges })}`;
    });
}

describe("popwright", () => {
  it("reads each session by the letter of the RFC", () => {
    expect(
      unlike(
        ({ ours }) => ours,
        (each) => readSession(each.case.exchanges),
      ),
    ).toEqual([]);
  });

  it("returns each message as it was sent", () => {
    const sent = played.filter((each) => each.case.message !== undefined);
    expect(sent.length).toBeGreaterThan(400);
    expect(sent.filter((each) => each.ours[0] !== each.case.message)).toEqual([]);
  });

  it.each(["one at a time", "as streams"] as const)("returns the same messages %s", async (way) => {
    const messages = stage.together.map((task) => task.case.message);
    expect(await ourMessages(stage, way)).toEqual(messages);
  });
});

/**
 * Messages that every client reads correctly: lines that end in CRLF, at least one, and none too long for
 * poplib.
 */
const PLAIN = /^(?:(?:[^\n]{0,2045}[^\r\n])?\r\n)+$/;

describe.each(others)("%s", (client) => {
  it("returns messages of plain lines as we do", () => {
    const plain = played.filter(({ case: { message = "" } }) => PLAIN.test(message));
    expect(plain.length).toBeGreaterThan(200);
    expect(plain.filter((each) => !same(each[client], each.ours))).toEqual([]);
  });

  it("differs only in known ways", () => {
    expect(
      unlike(
        (each) => each[client],
        (each) => foretold(each.case, client),
      ),
    ).toEqual([]);
  });

  it.each(differencesOf(client).map((difference) => [difference.does, difference] as const))(
    "%s",
    (_, difference) => {
      expect(shown.get(difference)).toBeGreaterThan(0);
    },
  );
});
