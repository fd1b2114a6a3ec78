// Maildrops for loops over them, and the ways to read them.
import type { Pop3ClientOptions, Pop3Message } from "../../../src/index.ts";

/** `count` messages of a line each: `message 1` and so on. */
export const messages = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `message ${String(index + 1)}\r\n`);

export const textOf = async (message: Pop3Message): Promise<string> =>
  (await message.buffer()).toString().trim();

/** The numbers of RETR and TOP, in the order in which the server got them. */
export const asked = (lines: readonly string[]): number[] =>
  lines.flatMap((line) => /^(?:C: )?(?:RETR|TOP) (\d+)/.exec(line)?.[1] ?? []).map(Number);

/** With pipelining, without it, and with a window of one message. */
export const WAYS: [string, Partial<Pop3ClientOptions>][] = [
  ["pipelined", {}],
  ["one at a time", { pipelining: false }],
  ["with a narrow window", { pipelining: { octets: 30, commandOctets: 24 } }],
];

export async function drain(octets: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of octets);
}

export async function drainAll(loop: AsyncIterable<Pop3Message>): Promise<void> {
  for await (const message of loop) await message.buffer();
}
