// Commands go out in order, within the window, and never across one that must be alone (RFC 2449 section 6.6).
import fc from "../support/fast-check.ts";
import { describe, expect, test } from "vitest";
import { Call, type Exchange } from "../../src/net/exchange.ts";
import { Pipeline, type Window } from "../../src/net/pipeline.ts";
import type { BlockReader } from "../../src/protocol/block.ts";
import { always } from "../support/octets.ts";

interface Wanted {
  readonly octets?: number;
  readonly alone?: boolean;
}

/** A command that settles no call; its line is its name. */
function command(line: string, { octets = 0, alone = false }: Wanted = {}): Exchange<unknown> {
  const ignore = (): void => undefined;
  const waiter = { resolve: ignore, reject: ignore };
  return new Call<unknown>({ states: [], line, printable: line, alone, parse: ignore }, waiter, {
    octets,
  });
}

function flightOf(window: Window | undefined, ...exchanges: Exchange<unknown>[]): Pipeline {
  const flight = new Pipeline();
  flight.window = window;
  for (const exchange of exchanges) flight.push(exchange);
  return flight;
}

const lines = (exchanges: Iterable<Exchange<unknown>>): string[] =>
  Array.from(exchanges, ({ command }) => command.line);
const departing = (flight: Pipeline): string[] => lines(flight.takeSendable());
const landing = (flight: Pipeline): string | undefined => flight.complete()?.command.line;

const WIDE: Window = { octets: 1_000_000, commandOctets: 1_000_000 };
const letters = (text: string): Exchange<unknown>[] => Array.from(text, (letter) => command(letter));

test("nothing to send, nothing to come", () => {
  const flight = flightOf(WIDE);
  expect([flight.length, flight.queued, flight.first, flight.complete(), departing(flight)]).toEqual([
    0,
    0,
    undefined,
    undefined,
    [],
  ]);
});

test("without a window, one command at a time, in order", () => {
  const flight = flightOf(undefined, ...letters("abc"));
  const seen: unknown[] = [];
  for (let turn = 0; turn < 4; turn++) {
    seen.push([departing(flight), departing(flight), flight.length, flight.queued, landing(flight)]);
  }
  expect(seen).toEqual([
    [["a"], [], 1, 2, "a"],
    [["b"], [], 1, 1, "b"],
    [["c"], [], 1, 0, "c"],
    [[], [], 0, 0, undefined],
  ]);
});

test("with a window, all that fit in one batch, and they land in order", () => {
  const flight = flightOf(WIDE, ...letters("abc"));
  expect(departing(flight)).toEqual(["a", "b", "c"]);
  flight.push(command("d"));
  expect(departing(flight)).toEqual(["d"]);
  expect(flight.first?.command.line).toBe("a");
  expect([landing(flight), landing(flight), landing(flight), landing(flight)]).toEqual(["a", "b", "c", "d"]);
});

test("a window that is opened later holds from then on", () => {
  const flight = flightOf(undefined, ...letters("abc"));
  expect(departing(flight)).toEqual(["a"]);
  flight.window = WIDE;
  expect(departing(flight)).toEqual(["b", "c"]);
});

describe("the window", () => {
  const sized = (...sizes: number[]): Exchange<unknown>[] =>
    sizes.map((octets, index) => command(String(index), { octets }));
  const octets = (octets: number): Window => ({ octets, commandOctets: 1_000_000 });

  test("holds announced octets up to its size, and not one more", () => {
    expect(departing(flightOf(octets(100), ...sized(50, 50)))).toEqual(["0", "1"]);
    expect(departing(flightOf(octets(100), ...sized(50, 51)))).toEqual(["0"]);
  });

  test("holds command lines up to its size, CRLF included, and not one octet more", () => {
    const window = (commandOctets: number): Window => ({ octets: 1000, commandOctets });
    expect(departing(flightOf(window(18), ...letters("abcdef")))).toHaveLength(6);
    expect(departing(flightOf(window(17), ...letters("abcdef")))).toHaveLength(5);
  });

  test("octets of a line count, not characters", () => {
    const both = (commandOctets: number): string[] =>
      departing(flightOf({ octets: 1000, commandOctets }, command("é"), command("é")));
    expect(both(8)).toEqual(["é", "é"]);
    expect(both(7)).toEqual(["é"]);
  });

  test("one response may exceed it, alone", () => {
    const flight = flightOf(octets(100), ...sized(10, 500, 10));
    expect(departing(flight)).toEqual(["0"]);
    expect([landing(flight), departing(flight)]).toEqual(["0", ["1"]]);
    expect([landing(flight), departing(flight)]).toEqual(["1", ["2"]]);
  });

  test("is filled again when half of its octets have drained, and not before", () => {
    const flight = flightOf(octets(100), ...sized(...Array<number>(12).fill(25)));
    expect(departing(flight)).toEqual(["0", "1", "2", "3"]);
    expect([landing(flight), departing(flight)]).toEqual(["0", []]);
    expect([landing(flight), departing(flight)]).toEqual(["1", ["4", "5"]]);
    expect([landing(flight), departing(flight)]).toEqual(["2", []]);
    expect([landing(flight), departing(flight)]).toEqual(["3", ["6", "7"]]);
  });

  test("is filled again when half of its command text has drained, and not before", () => {
    const flight = flightOf({ octets: 1000, commandOctets: 12 }, ...letters("abcdefgh"));
    expect(departing(flight)).toEqual(["a", "b", "c", "d"]);
    expect([landing(flight), departing(flight)]).toEqual(["a", []]);
    expect([landing(flight), departing(flight)]).toEqual(["b", ["e", "f"]]);
  });

  test("that was never full takes each command as it comes", () => {
    const flight = flightOf(octets(100), ...sized(60));
    expect(departing(flight)).toEqual(["0"]);
    flight.push(command("x", { octets: 40 }));
    expect(departing(flight)).toEqual(["x"]);
  });

  test("that was full and is empty again takes each command as it comes", () => {
    const flight = flightOf(octets(100), ...sized(100, 100));
    expect([departing(flight), landing(flight)]).toEqual([["0"], "0"]);
    expect([departing(flight), landing(flight)]).toEqual([["1"], "1"]);
    flight.push(command("x", { octets: 60 }));
    expect(departing(flight)).toEqual(["x"]);
    flight.push(command("y", { octets: 40 }));
    expect(departing(flight)).toEqual(["y"]);
  });

  test("that is empty takes a command, however large the last one was", () => {
    const flight = flightOf(octets(10), ...sized(1000, 1000, 1000));
    for (const line of ["0", "1", "2"])
      expect([departing(flight), departing(flight), landing(flight)]).toEqual([[line], [], line]);
  });
});

describe("a command that must be alone", () => {
  const alone = (line: string): Exchange<unknown> => command(line, { alone: true });

  test("waits for those before it, and holds those after it", () => {
    const flight = flightOf(WIDE, ...letters("ab"), alone("QUIT"), ...letters("cd"));
    expect(departing(flight)).toEqual(["a", "b"]);
    expect([landing(flight), departing(flight)]).toEqual(["a", []]);
    expect([landing(flight), departing(flight)]).toEqual(["b", ["QUIT"]]);
    expect(departing(flight)).toEqual([]);
    expect([landing(flight), departing(flight)]).toEqual(["QUIT", ["c", "d"]]);
  });

  test("one after another", () => {
    const flight = flightOf(WIDE, alone("PASS"), alone("UTF8"));
    expect([departing(flight), departing(flight), landing(flight)]).toEqual([["PASS"], [], "PASS"]);
    expect([departing(flight), departing(flight), landing(flight)]).toEqual([["UTF8"], [], "UTF8"]);
  });

  test("after a window that was full", () => {
    const flight = flightOf(
      { octets: 10, commandOctets: 1000 },
      command("a", { octets: 10 }),
      command("b", { octets: 10 }),
      alone("QUIT"),
    );
    expect([departing(flight), landing(flight)]).toEqual([["a"], "a"]);
    expect([departing(flight), landing(flight)]).toEqual([["b"], "b"]);
    expect(departing(flight)).toEqual(["QUIT"]);
  });
});

describe("with nothing after messages", () => {
  const message = (line: string): Exchange<unknown> => {
    const ignore = (): void => undefined;
    const block = (): BlockReader<unknown> => ({ octets: () => true, end: ignore });
    return new Call<unknown>(
      { states: [], line, printable: line, message: true, block },
      { resolve: ignore, reject: ignore },
    );
  };
  const careful = (...exchanges: Exchange<unknown>[]): Pipeline => {
    const flight = flightOf(WIDE, ...exchanges);
    flight.nothingAfterMessages = true;
    return flight;
  };

  test("a message may follow other commands, and ends the batch", () => {
    const flight = careful(...letters("ab"), message("RETR 1"), message("RETR 2"), ...letters("cd"));
    expect(departing(flight)).toEqual(["a", "b", "RETR 1"]);
    expect([landing(flight), departing(flight)]).toEqual(["a", []]);
    expect([landing(flight), departing(flight)]).toEqual(["b", []]);
    expect([landing(flight), departing(flight)]).toEqual(["RETR 1", ["RETR 2"]]);
    expect([landing(flight), departing(flight)]).toEqual(["RETR 2", ["c", "d"]]);
  });

  test("it holds for what is in flight when it is switched on", () => {
    const flight = flightOf(WIDE, message("RETR 1"), message("RETR 2"));
    expect(departing(flight)).toEqual(["RETR 1", "RETR 2"]);
    flight.nothingAfterMessages = true;
    flight.push(command("a"));
    expect([departing(flight), landing(flight)]).toEqual([[], "RETR 1"]);
    expect([departing(flight), landing(flight)]).toEqual([[], "RETR 2"]);
    expect(departing(flight)).toEqual(["a"]);
  });
});

describe("what was given up", () => {
  test("before it was sent is never sent, and takes no room", () => {
    const all = Array.from("abcd", (line) => command(line, { octets: 50 }));
    const flight = flightOf({ octets: 100, commandOctets: 1000 }, ...all);
    for (const exchange of all) exchange.abandoned = "ac".includes(exchange.command.line);
    expect(departing(flight)).toEqual(["b", "d"]);
    expect([flight.length, flight.queued]).toEqual([2, 0]);
  });

  test("in flight keeps its place: its reply still comes", () => {
    const given = command("a");
    const flight = flightOf(WIDE, given, command("b"));
    flight.takeSendable();
    given.abandoned = true;
    expect([landing(flight), landing(flight)]).toEqual(["a", "b"]);
  });

  test("delays no other command, alone or not", () => {
    const given = command("QUIT", { alone: true });
    given.abandoned = true;
    expect(departing(flightOf(WIDE, command("a"), given, command("b")))).toEqual(["a", "b"]);
  });
});

test("all are taken out in order when no reply comes any more", () => {
  const given = command("d");
  given.abandoned = true;
  const flight = flightOf({ octets: 1000, commandOctets: 6 }, ...letters("abc"), given, command("e"));
  expect(departing(flight)).toEqual(["a", "b"]);
  expect(lines(flight.clear())).toEqual(["a", "b", "c", "d", "e"]);
  expect([flight.length, flight.queued, flight.first]).toEqual([0, 0, undefined]);
  // The commands that were cleared no longer count.
  for (const exchange of letters("xy")) flight.push(exchange);
  expect(departing(flight)).toEqual(["x", "y"]);
});

test("whatever is sent, given up and answered, the rules hold, and everything gets its turn", () => {
  const wanted = fc.record({
    octets: fc.constantFrom(0, 1, 10, 50, 99, 100, 101, 1000),
    alone: fc.constantFrom(false, false, false, true),
    giveUp: fc.constantFrom(false, false, true),
  });
  const step = fc.oneof(wanted, fc.constant("depart" as const), fc.constant("land" as const));
  const window = fc.constantFrom(
    undefined,
    { octets: 100, commandOctets: 1000 },
    { octets: 1000, commandOctets: 12 },
  );
  always(
    fc.tuple(window, fc.array(step, { maxLength: 40 })),
    ([window, steps]) => {
      const flight = flightOf(window);
      const inFlight: Exchange<unknown>[] = [];
      const departed: Exchange<unknown>[] = [];
      const pushed: Exchange<unknown>[] = [];
      const depart = (): number => {
        const batch = flight.takeSendable();
        inFlight.push(...batch);
        departed.push(...batch);
        const sum = (of: "announced" | "text"): number =>
          inFlight.reduce((total, exchange) => total + exchange[of], 0);
        if (inFlight.length > 1) {
          expect(inFlight.some(({ command }) => command.alone)).toBe(false);
          expect(sum("announced")).toBeLessThanOrEqual(window?.octets ?? -1);
          expect(sum("text")).toBeLessThanOrEqual(window?.commandOctets ?? -1);
        }
        expect(flight.length).toBe(inFlight.length);
        expect(flight.first).toBe(inFlight[0]);
        return batch.length;
      };
      for (const [index, step] of steps.entries()) {
        if (step === "depart") depart();
        else if (step === "land") expect(flight.complete()).toBe(inFlight.shift());
        else {
          const exchange = command(String(index), step);
          exchange.abandoned = step.giveUp;
          pushed.push(exchange);
          flight.push(exchange);
        }
      }
      // Each reply lets something out until nothing waits.
      for (depart(); inFlight.length > 0; depart()) expect(flight.complete()).toBe(inFlight.shift());
      expect(flight.queued).toBe(0);
      expect(departed).toEqual(pushed.filter(({ abandoned }) => !abandoned));
    },
    1000,
  );
});
