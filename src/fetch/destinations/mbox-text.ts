// Converts a message to the text of an mbox (mboxrd): each line ends with LF, and no line looks like the
// first line of a message.

const [CR, LF, GREATER] = [0x0d, 0x0a, 0x3e];
const FROM = Buffer.from("From ");

/** The line need not be quoted. */
const PLAIN = -1;

/**
 * Converts a message to the text of an mbox, piece by piece. CRLF becomes LF. A line that starts with `From
 * `, or with any number of `>` and then `From `, gets one more `>`. The last line gets a line end if it has
 * none, and a blank line follows. All other octets stay.
 */
export class MboxText {
  /** How many octets of `From ` have arrived and are held back. Only `>` came before them on their line. */
  #from = 0;
  /** Whether a CR is held back. */
  #cr = false;
  /** Whether nothing of the line has arrived. */
  #atStart = true;

  push(octets: Buffer): Buffer {
    // The held octets, and one more `>` for at most each sixth octet: `From ` and LF.
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

  /** Returns the rest of the text, after the last piece. */
  end(): Buffer {
    const text = Buffer.allocUnsafe(FROM.length + 3);
    let length = 0;
    if (this.#cr) length = this.#put(text, length, CR);
    length = this.#release(text, length);
    if (!this.#atStart) text[length++] = LF;
    text[length++] = LF;
    return text.subarray(0, length);
  }

  /** Returns the new length of the text, as the next two methods do. */
  #take(text: Buffer, length: number, octet: number): number {
    if (this.#cr && octet !== LF) length = this.#put(text, length, CR);
    this.#cr = octet === CR;
    return this.#cr ? length : this.#put(text, length, octet);
  }

  /** Takes every octet except the CR of a CRLF. */
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
      // The new `>` may follow the others: the result is the same.
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

/**
 * Returns where the text of a line ends in these octets: at its LF, at a CR that may belong to that LF, or at
 * the end of the octets.
 */
function textEnd(octets: Buffer, from: number): number {
  const lineEnd = octets.indexOf(LF, from);
  const end = lineEnd === -1 ? octets.length : lineEnd;
  return end > from && octets[end - 1] === CR ? end - 1 : end;
}
