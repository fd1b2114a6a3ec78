// What a command printed, without what differs from run to run: ports, times of day, and cookies of greetings.
import type { Terminal } from "./terminal.ts";

export function capture(terminal: Terminal): string {
  return `${terminal.out}--- stderr\n${terminal.err}`
    .replace(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replace(/<[0-9a-f]{24}@/g, "<COOKIE@")
    .replace(/\b\d\d:\d\d(?::\d\d)?\b/g, (time) => time.replace(/\d/g, "0"));
}
