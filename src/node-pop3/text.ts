// Strings out of what the server sent, in the shapes of node-pop3.
import { decodeText } from "../protocol/reply.ts";

/** Decodes as UTF-8 if that is valid, otherwise one character for each byte (`latin1`), so that no byte is lost. */
export const textOf: (octets: Buffer) => string = decodeText;

/** The lines of a listing, each split at its spaces. */
export function listify(text: string): string[][] {
  return text
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => line.split(" "));
}

/** Reads a stream to its end, and decodes it as {@link textOf} does. Rejects with the error of the stream. */
export async function stream2String(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(Buffer.from(piece as string));
  return textOf(Buffer.concat(pieces));
}
