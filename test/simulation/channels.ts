// Listens to all that popwright publishes on channels of `node:diagnostics_channel`.
import { subscribe, unsubscribe } from "node:diagnostics_channel";

const TRACED = ["command", "session", "fetch", "message", "pool"];
const EVENTS = ["start", "end", "asyncStart", "asyncEnd", "error"];

const NAMES: readonly string[] = [
  ...["popwright:wire", "popwright:malformed"],
  ...TRACED.flatMap((name) => EVENTS.map((event) => `tracing:popwright:${name}:${event}`)),
];

/** Calls `hear` with each message as a line. Returns an unsubscribe function. */
export function hearChannels(hear: (line: string) => void): () => void {
  const listener = (message: unknown): void => hear(JSON.stringify(message, shown));
  for (const name of NAMES) subscribe(name, listener);
  return () => {
    for (const name of NAMES) unsubscribe(name, listener);
  };
}

function shown(_: string, value: unknown): unknown {
  if (value instanceof Error) return `${value.message} ${String(value.stack)} ${String(value.cause)}`;
  if (
    typeof value === "object" &&
    value !== null &&
    "type" in value &&
    value.type === "Buffer" &&
    "data" in value
  )
    return Buffer.from(value.data as number[]).toString("latin1");
  return typeof value === "bigint" ? String(value) : value;
}
