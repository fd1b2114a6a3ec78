// Draws the most important measures as bars: retrieval and the other clients, fetching and mpop. In SVG that works on a light and on a dark background.
import { digits } from "./statistics.ts";
import { find, type Table } from "./table.ts";

interface Bar {
  readonly name: string;
  readonly value: number;
}

interface Panel {
  readonly title: string;
  readonly subtitle: string;
  readonly bars: readonly Bar[];
  readonly show: (value: number) => string;
}

const WIDTH = 820;
const LABEL = 130; // pixels for names
const ROOM = 90; // pixels for the number after the longest bar
const STEP = 24;

const STYLE = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .note { fill: #59636e; font-size: 12px; }
    .bar { fill: #8c959f; }
    .limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
    .own { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      .bar { fill: #656c76; }
      .limit { stroke: #656c76; }
      .own { fill: #4493f8; }
    }`;

/** Returns the chart of retrieval, compared with other clients; `undefined` if one of its measures was not taken. */
export function retrievalChart(tables: readonly Table[]): string | undefined {
  const column = tables.find(({ id }) => id === "latency")?.columns.find((name) => name === "RTT 50 ms");
  const steady = tables.find(({ id }) => id === "steady");
  if (column === undefined || steady === undefined) return undefined;
  return draw([
    {
      title: "Fetching 200 messages from a server 50 ms away: seconds, less is better",
      subtitle: "From the TCP connect to the reply to QUIT, over TLS.",
      bars: bars(tables, "latency", column).filter(({ name }) => !name.includes("RETR")),
      show: (value) => `${(value / 1000).toFixed(value < 1000 ? 2 : 1)} s`,
    },
    {
      title: `${steady.title}: messages a second, more is better`,
      subtitle:
        "On loopback. Dashed: a socket that only looks for the ends of messages, the practical limit.",
      bars: bars(tables, "steady", "messages/s").filter(({ name }) => name !== "drain"),
      show: digits,
    },
  ]);
}

/** Returns the chart of fetching, compared with mpop; `undefined` if it was not measured, or not all of it. */
export function fetchingChart(tables: readonly Table[]): string | undefined {
  const measured = ["maildir-5k", "maildir-2k", "maildir-1m"].map((id) => bars(tables, id, "ms"));
  if (measured.some((each) => each.length < 2)) return undefined;
  return draw(
    ["2,000 messages of 5 KB", "20,000 messages of 2 KB", "200 messages of 1 MB"].map((what, index) => ({
      title: `Fetching ${what} into a Maildir: seconds, less is better`,
      subtitle:
        index === 0
          ? "From the start of the program to its end, on loopback. All messages are synced to disk."
          : "",
      bars: measured[index] ?? [],
      show: (value) => `${(value / 1000).toFixed(1)} s`,
    })),
  );
}

function bars(tables: readonly Table[], id: string, column: string): Bar[] {
  const rows = tables.find((table) => table.id === id)?.rows ?? [];
  return rows.flatMap(({ name }) => {
    const value = find(tables, id, name, column);
    return value === undefined ? [] : [{ name, value }];
  });
}

function draw(panels: readonly Panel[]): string {
  let top = 0;
  const drawn: string[] = [];
  for (const panel of panels) {
    drawn.push(`  <g transform="translate(0 ${top})">\n${drawPanel(panel)}\n  </g>`);
    top += 64 + panel.bars.length * STEP;
  }
  const names = panels.map(({ title }) => title).join("; ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" role="img" aria-label="${escape(names)}">
  <style>${STYLE}
  </style>
${drawn.join("\n")}
</svg>
`;
}

function drawPanel({ title, subtitle, bars: all, show }: Panel): string {
  const most = Math.max(...all.map(({ value }) => value));
  const lines = all.map(({ name, value }, index) => {
    const y = 52 + index * STEP;
    const width = Math.max(1, Math.round((value / most) * (WIDTH - LABEL - ROOM)));
    const kind = name === "popwright" ? "own" : name === "scan" ? "limit" : "bar";
    return `    <text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escape(name)}</text>
    <rect class="${kind}" x="${LABEL}" y="${y}" width="${width}" height="${STEP - 8}" rx="2"/>
    <text x="${LABEL + width + 8}" y="${y + 13}">${escape(show(value))}</text>`;
  });
  return `    <text class="title" x="8" y="20">${escape(title)}</text>
    <text class="note" x="8" y="38">${escape(subtitle)}</text>
${lines.join("\n")}`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
