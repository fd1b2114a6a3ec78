// Takes the sender of the envelope out of a message: a mail server that delivers a message writes it into Return-Path.

/** A message as it is handed to a mail server. */
export interface Enveloped {
  /** The address for MAIL FROM; empty: none, so that nothing is ever returned. */
  readonly sender: string;
  readonly octets: Buffer;
}

/** An address as it may stand between the brackets of MAIL FROM: ASCII alone, and nothing that ends the brackets. */
const ADDRESS = /^(?:[!-;=?-~]{1,64}@[!-;=?-~]{1,189})?$/;

/**
 * Reads the first Return-Path (RFC 5321 section 4.4) and cuts that field: the server that delivers the message writes its own.
 * If there is none, or if its value is not an address, the sender is empty and the message stays as it is.
 */
export function withoutReturnPath(message: Buffer): Enveloped {
  let start: number | undefined;
  for (let at = 0; at < message.length;) {
    const isFolded = message[at] === 0x20 || message[at] === 0x09;
    if (start !== undefined && !isFolded) return cut(message, start, at);
    const end = message.indexOf(0x0a, at);
    const next = end === -1 ? message.length : end + 1;
    const name = message.toString("latin1", at, Math.min(next, at + NAME.length));
    if (/^\r?\n?$/.test(name)) break;
    if (name.toLowerCase() === NAME && isColonNext(message, at + NAME.length)) start = at;
    at = next;
  }
  return start === undefined ? { sender: "", octets: message } : cut(message, start, message.length);
}

const NAME = "return-path";

/** Whether a colon follows, after any number of blanks (RFC 5322 section 4.5.8). */
function isColonNext(message: Buffer, from: number): boolean {
  let at = from;
  while (message[at] === 0x20 || message[at] === 0x09) at++;
  return message[at] === 0x3a;
}

function cut(message: Buffer, start: number, end: number): Enveloped {
  const value = message.toString("latin1", start + NAME.length, end).replace(/^[ \t]*:/, "");
  const address = value.trim().replace(/^<(.*)>$/, "$1");
  const isEmpty = address === "" && !value.includes("<");
  if (isEmpty || !ADDRESS.test(address)) return { sender: "", octets: message };
  const rest = message.subarray(end);
  return { sender: address, octets: start === 0 ? rest : Buffer.concat([message.subarray(0, start), rest]) };
}
