// The performance targets of popwright, and whether it meets them. What stands in the way of a target that is missed is
// known from profiles, not from this run.
import { digits } from "./statistics.ts";
import { find, NONE, text, type Row, type Table } from "./table.ts";

interface Target {
  readonly what: string;
  /** What was measured before the work on these targets began. */
  readonly before?: string;
  /** `undefined`: not measured in this run. */
  readonly measured: number | undefined;
  readonly sense?: "at least";
  readonly bound: number;
  readonly unit: string;
  /** What stands in the way, if the target is missed. */
  readonly why?: string;
}

const COMPILER =
  "The compiler of Node: it optimises each function of a layer once by itself and once inside its callers.";
const CALLS =
  "Some ten calls of the file system for each message, each of which Node runs in another thread.";

function targets(tables: readonly Table[]): Target[] {
  const of = (id: string, column: string, row = "popwright"): number | undefined =>
    find(tables, id, row, column);
  const title = (id: string, otherwise: string): string =>
    tables.find((table) => table.id === id)?.title ?? otherwise;
  return [
    {
      what: `${title("first", "the first 5 KB messages")}, CPU`,
      before: "1.9",
      measured: of("first", "CPU × scan"),
      bound: 1.4,
      unit: "× scan",
      why: COMPILER,
    },
    {
      what: "2,000 × 5 KB, rounds 11 to 20, CPU",
      before: "1.2",
      measured: of("steady", "CPU × scan"),
      bound: 0.9,
      unit: "× scan",
      why: "A Buffer of its own for each message, and two promises.",
    },
    {
      what: "2,000 × 5 KB, new process, CPU",
      before: "4.8",
      measured: of("cold", "CPU × scan"),
      bound: 2.5,
      unit: "× scan",
      why: COMPILER,
    },
    {
      what: `${title("megabyte", "1 MB messages")}, CPU`,
      before: "1.0–1.2",
      measured: of("megabyte", "CPU × drain"),
      bound: 1,
      unit: "× drain",
      why: "Each message is one Buffer of 1 MB: its memory is new to the process, and everything is copied into it once.",
    },
    {
      what: `${title("megabyte-tls", "1 MB messages, TLS")}, CPU`,
      before: "1.35",
      measured: of("megabyte-tls", "CPU × drain"),
      bound: 1.1,
      unit: "× drain",
      why: "The same.",
    },
    {
      what: "one message of 300 MB, in a loop, CPU",
      before: "1.8",
      measured: of("large", "CPU × drain"),
      bound: 0.9,
      unit: "× drain",
      why: "Each chunk is copied for the loop, which may keep it.",
    },
    { what: "its peak memory", measured: of("large", "peak MB"), bound: 95, unit: "MB" },
    {
      what: "memory growth after the reader stopped",
      measured: of("stopped", "grown"),
      bound: 4,
      unit: "MB",
    },
    ...["uidl", "list"].flatMap((command): Target[] => {
      const name = command.toUpperCase();
      const small = of(`${command}-100000`, "ms, warm");
      const large = of(`${command}-1000000`, "ms, warm");
      return [
        {
          what: `${name} of 100,000, first`,
          ...(command === "uidl" && { before: "1.6" }),
          measured: of(`${command}-100000`, "× a split string"),
          bound: 1.15,
          unit: "× a split string",
          why: "Every line is checked, and the session keeps the listing in addition to the Map that it returns.",
        },
        {
          what: `${name} of 100,000, heap in use`,
          measured: of(`${command}-100000`, "heap MB, in use"),
          bound: 40,
          unit: "MB",
        },
        {
          what: `${name} of 1,000,000 ÷ 100,000`,
          measured: small === undefined || large === undefined ? undefined : large / small,
          // Above 10, because a Map that does not fit into the cache takes longer for each entry.
          bound: 15,
          unit: "×",
        },
      ];
    }),
    ...["drain", "drain, resumed"].map((drain): Target => {
      const column = "CPU ms, TLS, 140 CAs";
      const limit = of("poll", column, drain);
      const own = of("poll", column);
      return {
        what: `a poll over TLS with 140 certificates in tls.ca, CPU`,
        ...(drain === "drain" && { before: "15" }),
        measured: own === undefined || limit === undefined ? undefined : own / limit,
        bound: 1.4,
        unit: `× ${drain}`,
        why: "Two commands more (CAPA before and after the login), the digest of the options, timers and abort signals.",
      };
    }),
    {
      what: "a session that does nothing",
      before: "72",
      measured: of("idle", "heap KB", "popwright, 1,000"),
      bound: 12,
      unit: "KB of heap",
    },
    {
      what: 'import "popwright", CPU',
      before: "22–33",
      measured: of("load", "CPU ms"),
      bound: 15,
      unit: "ms",
      why: "10 ms of it are node:net and node:stream.",
    },
    {
      what: "200 small messages over TLS, from connect to QUIT",
      measured: of("trips", "session, TLS"),
      bound: 8,
      unit: "round trips",
    },
    { what: "their RETR alone", measured: of("trips", "RETR alone"), bound: 1, unit: "round trips" },
    {
      what: "a poll that finds nothing new, over TLS",
      measured: of("trips", "poll, TLS"),
      bound: 7,
      unit: "round trips",
    },
    ...(
      [
        ["maildir-5k", "3.9", 1.1, "Half of the time is that of Node: its start, and its compiler."],
        ["maildir-2k", "1.6", 0.7, CALLS],
        [
          "maildir-1m",
          "0.75",
          0.35,
          "To receive and store these octets takes 0.5 in Node, without its start and without a client.",
        ],
      ] as const
    ).map(([id, before, bound, why]): Target => ({
      what: title(id, id),
      before,
      measured: of(id, "× mpop"),
      bound,
      unit: "× mpop",
      why,
    })),
    {
      what: "CPU for the 20,000",
      before: "7",
      measured: of("maildir-2k", "CPU × mpop"),
      bound: 1.5,
      unit: "× mpop",
      why: CALLS,
    },
    {
      what: "heap growth over thousands of sessions",
      measured: of("churn", "heap MB, grown"),
      bound: 1,
      unit: "MB",
    },
    { what: "handles left open by them", measured: of("churn", "handles, more"), bound: 0, unit: "" },
    ...(
      [
        ["base64", 20],
        ["prose", 3],
        ["dot lines", 0.3],
        ["a line of dots", 0.3],
        ["all CR", 0.3],
        ["all LF", 0.3],
      ] as const
    ).map(([input, bound]): Target => ({
      what: `decoder, ${input} in chunks of 64 KiB`,
      measured: of("decoder", "64 KiB", input),
      sense: "at least",
      bound,
      unit: "GB/s",
    })),
  ];
}

export function targetTable(tables: readonly Table[]): Table {
  const rows = targets(tables).flatMap((target): Row[] => {
    const { what, before, measured, sense, bound, unit, why } = target;
    if (measured === undefined) return [];
    const met = sense === "at least" ? measured >= bound : measured <= bound;
    return [
      {
        name: what,
        cells: [
          before === undefined ? NONE : text(before),
          text(`${sense ?? "at most"} ${bound} ${unit}`.trimEnd()),
          { text: digits(measured), value: measured },
          text(met ? "met" : missed(measured, bound)),
          text(met ? "" : (why ?? "")),
        ],
      },
    ];
  });
  return {
    id: "targets",
    title: "Targets",
    note: "Before: measured on the same machine before the work on these targets began.",
    columns: ["before", "target", "measured", "", "why"],
    rows,
  };
}

function missed(measured: number, bound: number): string {
  if (bound === 0) return "missed";
  const by = Math.abs(measured / bound - 1) * 100;
  return `missed by ${Math.round(by)} %`;
}
