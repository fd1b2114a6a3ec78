// The performance targets of popwright, and whether it meets them.
import { digits } from "./statistics.ts";
import { find, type Row, type Table } from "./table.ts";

interface Target {
  readonly what: string;
  /** `undefined`: not measured in this run. */
  readonly measured: number | undefined;
  readonly sense: "at most" | "at least";
  readonly bound: number;
  readonly unit: string;
}

function targets(tables: readonly Table[]): Target[] {
  const of = (id: string, column: string, row = "popwright"): number | undefined =>
    find(tables, id, row, column);
  const most = (what: string, measured: number | undefined, bound: number, unit: string): Target => {
    return { what, measured, sense: "at most", bound, unit };
  };
  const least = (what: string, measured: number | undefined, bound: number, unit: string): Target => {
    return { what, measured, sense: "at least", bound, unit };
  };
  const megabytes = (id: string): string => tables.find((table) => table.id === id)?.title ?? "1 MB messages";
  const first = tables.find((table) => table.id === "first")?.title ?? "the first 5 KB messages";
  return [
    most("200 small messages over TLS, from connect to QUIT", of("trips", "session, TLS"), 10, "round trips"),
    most("their RETR alone", of("trips", "RETR alone"), 2, "round trips"),
    most("a poll that finds nothing new, over TLS", of("trips", "poll, TLS"), 7, "round trips"),
    most(`${first}, CPU`, of("first", "CPU × scan"), 1.4, "× scan"),
    most("2,000 × 5 KB, rounds 11 to 20, CPU", of("steady", "CPU × scan"), 0.9, "× scan"),
    most("2,000 × 5 KB, new process, CPU", of("cold", "CPU × scan"), 2.5, "× scan"),
    most(`${megabytes("megabyte")}, CPU`, of("megabyte", "CPU × drain"), 1, "× drain"),
    most(`${megabytes("megabyte-tls")}, CPU`, of("megabyte-tls", "CPU × drain"), 1.1, "× drain"),
    most("one message of 300 MB, in a loop, CPU", of("large", "CPU × drain"), 0.9, "× drain"),
    most("its peak memory", of("large", "peak MB"), 95, "MB"),
    most("memory growth after the reader stopped", of("stopped", "grown"), 4, "MB"),
    ...["uidl", "list"].flatMap((command) => {
      const name = command.toUpperCase();
      const small = of(`${command}-100000`, "ms, warm");
      const large = of(`${command}-1000000`, "ms, warm");
      const ratio = small === undefined || large === undefined ? undefined : large / small;
      return [
        most(`${name} of 100,000, first`, of(`${command}-100000`, "ms, first"), 60, "ms"),
        most(`${name} of 100,000, heap in use`, of(`${command}-100000`, "heap MB, in use"), 40, "MB"),
        // The limit is above 10, because a Map that does not fit into the cache takes longer for each entry.
        most(`${name} of 1,000,000 ÷ 100,000`, ratio, 15, "×"),
      ];
    }),
    ...(
      [
        ["maildir-5k", 1.1],
        ["maildir-2k", 0.7],
        ["maildir-1m", 0.35],
      ] as const
    ).map(([id, bound]) =>
      most(tables.find((table) => table.id === id)?.title ?? id, of(id, "× mpop"), bound, "× mpop"),
    ),
    most("CPU for the 20,000", of("maildir-2k", "CPU × mpop"), 1.5, "× mpop"),
    most("heap growth over thousands of sessions", of("churn", "heap MB, grown"), 1, "MB"),
    most("handles left open by them", of("churn", "handles, more"), 0, ""),
    least("decoder, base64 in chunks of 64 KiB", of("decoder", "64 KiB", "base64"), 20, "GB/s"),
    least("decoder, prose", of("decoder", "64 KiB", "prose"), 3, "GB/s"),
    most('import "popwright"', of("load", "median"), 15, "ms"),
    ...["dot lines", "a line of dots", "all CR", "all LF"].map((input) =>
      least(`decoder, ${input}`, of("decoder", "64 KiB", input), 0.3, "GB/s"),
    ),
  ];
}

export function targetTable(tables: readonly Table[]): Table {
  const rows = targets(tables).flatMap(({ what, measured, sense, bound, unit }): Row[] => {
    if (measured === undefined) return [];
    const met = sense === "at most" ? measured <= bound : measured >= bound;
    return [
      {
        name: what,
        cells: [
          { text: `${sense} ${bound} ${unit}`.trimEnd() },
          { text: digits(measured), value: measured },
          { text: met ? "met" : missed(measured, bound) },
        ],
      },
    ];
  });
  return { id: "targets", title: "Targets", columns: ["target", "measured", ""], rows };
}

function missed(measured: number, bound: number): string {
  if (bound === 0) return "missed";
  const by = Math.abs(measured / bound - 1) * 100;
  return `missed by ${Math.round(by)} %`;
}
