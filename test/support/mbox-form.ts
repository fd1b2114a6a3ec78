// A second implementation of mboxrd, written independently of the destination, and the way in which a reader
// finds the message again.

/** The text of a message in an mbox, with the blank line after it. */
export function mboxForm(message: Buffer): Buffer {
  const text = message.toString("latin1").replaceAll("\r\n", "\n");
  const lines = text.split("\n").map((line) => (/^>*From /.test(line) ? `>${line}` : line));
  const quoted = lines.join("\n");
  const ended = quoted === "" || quoted.endsWith("\n") ? quoted : `${quoted}\n`;
  return Buffer.from(`${ended}\n`, "latin1");
}

/** The messages of an mbox, each without its first line. */
export function bodiesOf(mbox: Buffer): Buffer[] {
  if (mbox.length === 0) return [];
  const [before, ...messages] = `\n${mbox.toString("latin1")}`.split("\nFrom ");
  if (before !== "") throw new Error("it does not begin with a message");
  return messages.map((message, nth) => {
    const body = message.slice(message.indexOf("\n") + 1);
    // The line end before the next was taken off with it.
    return Buffer.from(nth < messages.length - 1 ? `${body}\n` : body, "latin1");
  });
}
