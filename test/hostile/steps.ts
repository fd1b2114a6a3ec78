// The first steps of many rows, and the ways to read a message.
import { once } from "node:events";
import { expect } from "vitest";
import type { Pop3Client } from "popwright";
import type { Step } from "../support/scripted-server.ts";
import { SECRET } from "../support/secret.ts";

/** A session of a server without CAPA, up to the end of the login, and then `steps`. */
export function session(...steps: readonly Step[]): readonly Step[] {
  return [
    ...["S: +OK hello", "C: CAPA", "S: -ERR no CAPA", "C: USER ann", "S: +OK", `C: PASS ${SECRET}`, "S: +OK"],
    ...["C: CAPA", "S: -ERR no CAPA"],
    ...steps,
  ];
}

/** The same, where commands may go out together. */
export function pipelined(...steps: readonly Step[]): readonly Step[] {
  return [
    ...["S: +OK hello", "C: CAPA", "S: +OK", "S: PIPELINING", "S: UIDL", "S: .", "C: USER ann", "S: +OK"],
    ...[`C: PASS ${SECRET}`, "S: +OK", "C: CAPA"],
    ...steps,
  ];
}

export const octets = (text: string): Buffer => Buffer.from(text, "latin1");

export type Take = (client: Pop3Client) => Promise<Buffer>;

/** Takes message 1. */
export const TAKES: Readonly<Record<string, Take>> = {
  "as a Buffer": (client) => client.retr(1),
  "as a stream": takeStream,
  "in a loop": async (client) => {
    const { value } = await client.retrieve([1]).next();
    if (value === undefined) throw new Error("no message");
    return value.buffer();
  },
};

/** Reads a stream. A stream that fails must not end, neither before nor after its error. */
async function takeStream(client: Pop3Client): Promise<Buffer> {
  const stream = client.retrStream(1);
  const pieces: Buffer[] = [];
  let ended = false;
  stream.on("end", () => (ended = true));
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  const closed = once(stream, "close");
  let failure: Error | undefined;
  stream.on("error", (error) => (failure = error));
  await closed.catch(() => undefined);
  if (failure === undefined) return Buffer.concat(pieces);
  expect(ended, "the end of a truncated message").toBe(false);
  throw failure;
}
