// A text part is decoded by the same rules as a header field: mailparser takes this in the place of its own decoders.
import { Transform } from "node:stream";
import type { TransformCallback } from "node:stream";
import { decodeCharset } from "./charset.ts";

/**
 * Octets in one charset in, UTF-8 out, all of it at the end. It has the shape of the `Iconv` class of the package `iconv`,
 * which is what mailparser's option of that name asks for: `new Iconv(from, to)`, a stream.
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
