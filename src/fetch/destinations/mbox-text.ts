// What a message becomes in an mbox (mboxrd): LF ends each line, and no line of it looks like the first of a message.

const [CR, LF, GREATER] = [0x0d, 0x0a, 0x3e];
const FROM = Buffer.from("From ");

/** The line is none that is to be quoted. */
const PLAIN = -1;

/**
 * Turns a message into the text of an mbox, piece by piece. CRLF becomes LF; a line of `From `, or of `>` and then
 * `From `, gets one more `>`; the last line is ended, and a blank one follows. All other octets stay.
 */
export class MboxText {
  /** How many octets of `From ` have come, behind nothing but `>` on their line, and are held back. */
  #from = 0;
  /** A CR is held back. */
  #cr = false;
  /** Nothing has come of the line. */
  #atStart = true;

  push(octets: Buffer): Buffer {
    // What is held back, and a `>` more for at most each sixth octet: `From ` and LF.
    const text = Buffer.allocUnsafe(FROM.length + 1 + octets.length + Math.ceil(octets.length / 6));
    let length = 0;
    for (let at = 0; at < octets.length;) {
      if (this.#from === PLAIN && !this.#cr) {
        const end = textEnd(octets, at);
        length += octets.copy(text, length, at, end);
        at = end;
      }
      const octet = octets[at++];
      if (octet !== undefined) length = this.#take(text, length, octet);
    }
    return text.subarray(0, length);
  }

  /** Behind the last piece. */
  end(): Buffer {
    const text = Buffer.allocUnsafe(FROM.length + 3);
    let length = 0;
    if (this.#cr) length = this.#put(text, length, CR);
    length = this.#release(text, length);
    if (!this.#atStart) text[length++] = LF;
    text[length++] = LF;
    return text.subarray(0, length);
  }

  /** Returns the length of the text, as all of these do. */
  #take(text: Buffer, length: number, octet: number): number {
    if (this.#cr && octet !== LF) length = this.#put(text, length, CR);
    this.#cr = octet === CR;
    return this.#cr ? length : this.#put(text, length, octet);
  }

  /** Everything but the CR of CRLF. */
  #put(text: Buffer, length: number, octet: number): number {
    if (octet === LF) {
      length = this.#release(text, length);
      this.#from = 0;
      this.#atStart = true;
      text[length++] = LF;
      return length;
    }
    this.#atStart = false;
    if (this.#from === PLAIN || (octet === GREATER && this.#from === 0)) {
      text[length++] = octet;
      return length;
    }
    if (octet === FROM[this.#from]) {
      this.#from++;
      if (this.#from < FROM.length) return length;
      // Behind the `>` that are there is as good as before them.
      text[length++] = GREATER;
      length = this.#release(text, length);
    } else {
      length = this.#release(text, length);
      text[length++] = octet;
    }
    this.#from = PLAIN;
    return length;
  }

  #release(text: Buffer, length: number): number {
    if (this.#from <= 0) return length;
    length += FROM.copy(text, length, 0, this.#from);
    this.#from = 0;
    return length;
  }
}

/** Where the text of a line ends in these octets: at its LF, at a CR that may belong to that, or with them. */
function textEnd(octets: Buffer, from: number): number {
  const lineEnd = octets.indexOf(LF, from);
  const end = lineEnd === -1 ? octets.length : lineEnd;
  return end > from && octets[end - 1] === CR ? end - 1 : end;
}
