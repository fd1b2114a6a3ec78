// Messages of every kind that mail is made of, and that has ever broken a client: the same ones for the same
// seed.

/** What a message is about. */
export type MessageKind =
  /** ASCII, and as the RFCs want it. */
  | "ascii"
  /** UTF-8, in the headers too. */
  | "utf8"
  /** 8-bit letters of ISO 8859-1. */
  | "latin1"
  /** Any octets in any order: NUL, CR and LF alone, no line at all. */
  | "binary"
  /** Nothing but the octets that end lines, blocks and replies. */
  | "hot"
  /** Lines of dots, and lines that begin with them. */
  | "dots"
  /** Lines that read like replies, and lines that look like the end of a message. */
  | "replies"
  /** No octet at all. */
  | "empty"
  /** Headers and the empty line. */
  | "empty-body"
  /** A body without headers. */
  | "no-headers"
  /** The last line has no CRLF. */
  | "unfinished"
  /** One line of a mebibyte, now and then. */
  | "long-line";

const ROTATION: readonly MessageKind[] = [
  "ascii",
  "utf8",
  "latin1",
  "binary",
  "hot",
  "dots",
  "replies",
  "empty",
  "empty-body",
  "no-headers",
  "unfinished",
];
const MEBIBYTE = 1024 * 1024;
/** Every message with a multiple of this number has the long line. */
const LONG_LINE_EVERY = 200;

/**
 * `count` messages, generated again in each iteration. `kinds` take turns; without them all do, and each 200th message
 * has a line of a mebibyte. The others have at most about two kibibytes.
 */
export function* seededMessages(
  count: number,
  seed: number,
  kinds?: readonly MessageKind[],
): Generator<Buffer, void> {
  const random = new Random(seed);
  const rotation = kinds ?? ROTATION;
  for (let index = 0; index < count; index++) {
    const long = kinds === undefined && index % LONG_LINE_EVERY === LONG_LINE_EVERY - 1;
    yield makeMessage(long ? "long-line" : (rotation[index % rotation.length] ?? "ascii"), random);
  }
}

/** What a client gets to see of it: with the CRLF that a server adds to an unfinished last line. */
export function asReceived(message: Buffer): Buffer {
  if (message.length === 0 || message.toString("latin1", message.length - 2) === "\r\n") return message;
  return Buffer.concat([message, Buffer.from("\r\n", "latin1")]);
}

function makeMessage(kind: MessageKind, random: Random): Buffer {
  switch (kind) {
    case "ascii":
      return text(headers(random) + lines(random, 12, () => words(random, ASCII)));
    case "utf8":
      return text(
        `Subject: ${words(random, UNICODE)}\r\n${headers(random)}${lines(random, 8, () => words(random, UNICODE))}`,
      );
    case "latin1":
      return Buffer.from(headers(random) + lines(random, 10, () => words(random, LATIN1)), "latin1");
    case "binary":
      return Buffer.from(Array.from({ length: random.below(700) }, () => random.below(256)));
    case "hot":
      return Buffer.from(Array.from({ length: random.below(400) }, () => random.of(HOT)));
    case "dots":
      return text(
        random.of(["", headers(random), ".\r\n"]) +
          lines(random, 30, () => random.of(DOTS) + random.of(["", "", "\r", "x"])),
      );
    case "replies":
      return text(headers(random) + lines(random, 12, () => random.of(REPLIES)));
    case "empty":
      return Buffer.alloc(0);
    case "empty-body":
      return text(headers(random));
    case "no-headers":
      return text(`\r\n${lines(random, 6, () => words(random, ASCII))}`);
    case "unfinished":
      return text(`${headers(random)}${words(random, ASCII)}${random.of(UNFINISHED)}`);
    case "long-line":
      return longLine(random);
  }
}

const ASCII = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?-+=<>@";
const LATIN1 = "äöüßéèêñçøåæÄÖÜ¿¡§£abcdefghij.";
const UNICODE = "äöüß日本語кириллицаαβγ🙂👩‍🚀 e\u0301\u202e\ufeffabc.";
const HOT: readonly number[] = [46, 46, 13, 10, 13, 10, 43, 45, 0, 255, 97];
const DOTS: readonly string[] = [".", "..", "...", "....", ".x", "..x", " .", "x.", ". ", ".\t", ""];
const REPLIES: readonly string[] = [
  "+OK",
  "+OK 3 120",
  "-ERR [SYS/TEMP] no",
  "+ ",
  ".",
  "smuggled\n.\n+OK next",
  "\n.\r",
  "\r.\r",
  ".\n",
  ".\r",
  "a\r\r",
  "RETR 1",
  "QUIT",
];
const UNFINISHED: readonly string[] = ["", ".", "\r\n.", "\r\n..", "\r", "\n", "\r\n\r", "\r\n.\r", "\n.\n"];

function headers(random: Random): string {
  return `Message-ID: <${String(random.below(0x7fffffff))}@example.com>\r\nSubject: ${words(random, ASCII)}\r\n\r\n`;
}

function lines(random: Random, most: number, line: () => string): string {
  return Array.from({ length: random.below(most + 1) }, () => `${line()}\r\n`).join("");
}

function words(random: Random, alphabet: string): string {
  const letters = [...alphabet];
  return Array.from({ length: random.below(76) }, () =>
    random.below(6) === 0 ? " " : random.of(letters),
  ).join("");
}

function longLine(random: Random): Buffer {
  const line = Buffer.alloc(MEBIBYTE, words(random, ASCII) || "x", "latin1");
  const [before, after] = [random.of(["", ".", headers(random)]), random.of(["\r\n", "", "\r\n.\r\n"])];
  return Buffer.concat([Buffer.from(before, "latin1"), line, Buffer.from(after, "latin1")]);
}

function text(content: string): Buffer {
  return Buffer.from(content, "utf8");
}

/** Numbers that only look random (mulberry32). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to `bound`, which is not reached. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
