// Decodes text parts by the same rules as header fields: mailparser uses this stream instead of its own
// decoders.
import { Transform } from "node:stream";
import type { TransformCallback } from "node:stream";
import { decodeCharset } from "./charset.ts";

/**
 * Converts bytes in one charset to UTF-8, all at the end. It has the interface of the class `Iconv` of the
 * package `iconv`, which mailparser's option `Iconv` requires: `new Iconv(from, to)`, a stream.
 */
export class CharsetStream extends Transform {
  readonly #charset: string;
  readonly #chunks: Buffer[] = [];

  constructor(charset: string) {
    super();
    this.#charset = charset;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#chunks.push(chunk);
    done();
  }

  override _flush(done: TransformCallback): void {
    decodeCharset(Buffer.concat(this.#chunks), this.#charset).then((text) => {
      done(null, Buffer.from(text));
    }, done);
  }
}
