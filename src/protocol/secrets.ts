// Masks what must not be shown in text of a peer: passwords, tokens, the lines that prove them, and user names
// if the caller hides them. In all the forms in which a peer may repeat them.
import { isUtf8 } from "node:buffer";

const MASK = "****";

/** How many words to remember: enough for several logins. */
const REMEMBERED = 256;

/**
 * The shortest password that is masked wherever it occurs, in characters. A shorter one is found in ordinary
 * words, and the gaps in a reply would show it rather than hide it.
 */
const LONG_ENOUGH = 6;

/**
 * Words of ordinary replies. If one of them is the password, masking "wrong ****" would show which word it is,
 * so it stays where it may be the server's own word.
 */
const ORDINARY: ReadonlySet<string> = new Set(
  (
    "access account already another attempts authenticate authenticated authentication authorization " +
    "cannot closed closing command connection credentials database deleted denied disabled error errors " +
    "exceeded expired failed failure goodbye in-use incorrect internal invalid locked logged login-delay " +
    "mailbox maildrop maximum message messages method missing network number octets passwd password " +
    "permission please protocol refused rejected required server service session signing sys/perm " +
    "sys/temp system temporarily temporary timeout unable unavailable unknown username welcome " +
    // Words that the command line prints around those of the server.
    "capabilities certificate delivered different greeting listed malformed pipelining popwright renamed " +
    "retrieve retrieved unique-id unique-ids verified waiting"
  ).split(" "),
);

/** What a word is: a password or a line that proves it, or the name of a user. */
type Kind = "secret" | "user";

export class Secrets {
  /** The latest are last. */
  readonly #words = new Map<string, Kind>();
  #needles: readonly Needle[] | undefined;

  constructor(...words: readonly string[]) {
    this.add(...words);
  }

  /**
   * Remembers passwords, tokens, and lines that were sent to prove them, each also without the blanks and line ends around
   * it: a password from a file may end with a line end, and a server repeats what is before. Empty ones are ignored.
   */
  add(...words: readonly string[]): void {
    for (const word of words.flatMap((each) => [each, each.trim()])) this.#remember(word, "secret");
  }

  /** Remembers the name of a user, which is then masked as a whole word, and the part before its `@`. */
  hide(name: string): void {
    this.#remember(name, "user");
    this.#remember(name.replace(/@[^@]*$/, ""), "user");
  }

  /** Returns `text` with `****` in place of each secret. */
  mask(text: string): string {
    if (this.#words.size === 0) return text;
    this.#needles ??= [...this.#words].flatMap(([word, kind]) => needlesOf(word, kind));
    const views = viewsOf(text);
    const ranges = this.#needles.flatMap((needle) => views.flatMap((view) => rangesOf(text, view, needle)));
    let shown = "";
    let at = 0;
    for (const [start, end] of merged(ranges)) {
      shown += text.slice(at, start) + MASK;
      at = end;
    }
    return shown + text.slice(at);
  }

  /** Masks what a peer sent, as UTF-8 or else byte by byte. */
  maskOctets(octets: Buffer): Buffer {
    const charset = isUtf8(octets) ? "utf8" : "latin1";
    return Buffer.from(this.mask(octets.toString(charset)), charset);
  }

  #remember(word: string, kind: Kind): void {
    if (word === "") return;
    const known = this.#words.get(word);
    this.#words.delete(word);
    this.#words.set(word, known === "secret" ? known : kind);
    const [oldest] = this.#words.keys();
    if (this.#words.size > REMEMBERED) this.#words.delete(oldest as string);
    this.#needles = undefined;
  }
}

/** A way to read a text: as it is, with percent-encoding decoded, with its lines joined, or as base64. */
interface View {
  readonly form: "plain" | "base64";
  readonly text: string;
  /** Where each character begins in the text itself, and where the last one ends. @default the same index */
  readonly origins?: readonly number[];
}

/** A form of a word to look for. */
interface Needle {
  readonly form: View["form"];
  readonly text: string;
  /** Whether what was found is a secret, by the text around it. @default always */
  readonly counts?: (text: string, start: number, end: number) => boolean;
}

function needlesOf(word: string, kind: Kind): Needle[] {
  const octets = Buffer.from(word, "utf8");
  // A peer that is not read as UTF-8 repeats each octet as a character.
  const forms = [...new Set([folded(word), folded(octets.toString("latin1"))])];
  const short = word.length < LONG_ENOUGH;
  const isOrdinary = kind === "secret" && (short || ORDINARY.has(word.toLowerCase()));
  const around = isOrdinary ? isAfterPass : kind === "user" ? isWhole : undefined;
  const needles = forms.map((text): Needle => ({ form: "plain", text, ...(around && { counts: around }) }));
  if (short) {
    const text = folded(octets.toString("base64url"));
    needles.push({ form: "base64", text, counts: isWholeBase64 });
    return needles;
  }
  const hex = octets.toString("hex");
  for (const between of ["", " ", ":", "-"])
    needles.push({ form: "plain", text: hex.replaceAll(/..(?=.)/g, `$&${between}`) });
  for (const shift of [0, 1, 2]) {
    // The middle is the same in the base64 of any text around the word. Its ends depend on their neighbours.
    const encoded = Buffer.concat([Buffer.alloc(shift), octets]).toString("base64url");
    const text = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + octets.length) * 8) / 6));
    needles.push({ form: "base64", text: folded(text) });
  }
  return needles;
}

function viewsOf(text: string): View[] {
  const views: View[] = [
    { form: "plain", text: folded(text) },
    // RFC 4648 section 5, so that one form finds both alphabets. The case is folded, as in names that we read.
    { form: "base64", text: folded(text).replaceAll("+", "-").replaceAll("/", "_") },
  ];
  if (text.includes("%")) views.push(decodedView(text, /%([\da-f]{2})|[^%]+|%/gi, octetOf));
  // Text is wrapped at spaces, and the next line may be indented.
  if (text.includes("\n")) views.push(decodedView(text, /(\n) *|[^\n]+/g, () => " "));
  return views;
}

/** Folds the case, one code unit for each. */
function folded(text: string): string {
  return text.replaceAll("\u0130", "i").toLowerCase().replaceAll("\u03c2", "\u03c3");
}

const octetOf = (digits: string): string => String.fromCharCode(parseInt(digits, 16));

/** Reads each group of `pattern` as the character that `decode` returns for it. */
function decodedView(text: string, pattern: RegExp, decode: (group: string) => string): View {
  const origins: number[] = [];
  const decoded = text.replace(pattern, (found, group: string | undefined, index: number) => {
    const length = group === undefined ? found.length : 1;
    for (let at = 0; at < length; at++) origins.push(index + at);
    return group === undefined ? found : decode(group);
  });
  origins.push(text.length);
  return { form: "plain", text: folded(decoded), origins };
}

/** Whether the text before is the command PASS, or says that a password follows. */
function isAfterPass(text: string, start: number): boolean {
  const before = text.slice(Math.max(0, start - 24), start);
  return /\bPASS[ \t]+["'<]?$|\bpass(?:word)?["']?[ \t]*[:=][ \t]*["'<]?$/i.test(before);
}

function isWhole(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 2), start);
  const isPart = /[\p{L}\p{N}]$/u.test(before) || /^[\p{L}\p{N}]/u.test(text.slice(end, end + 2));
  return end - start >= LONG_ENOUGH || !isPart;
}

function isWholeBase64(text: string, start: number, end: number): boolean {
  return !isBase64(text[start - 1]) && !/^[\w+/-]/.test(text.slice(end, end + 1));
}

function isBase64(character: string | undefined): boolean {
  return character !== undefined && /[A-Za-z0-9+/=_-]/.test(character);
}

type Range = readonly [start: number, end: number];

function rangesOf(text: string, view: View, { form, text: wanted, counts }: Needle): Range[] {
  const ranges: Range[] = [];
  if (form !== view.form) return ranges;
  for (let at = view.text.indexOf(wanted); at !== -1; at = view.text.indexOf(wanted, at)) {
    let [start, end] = [at, (at += wanted.length)];
    if (view.origins !== undefined)
      [start, end] = [view.origins[start] as number, view.origins[end] as number];
    if (counts !== undefined && !counts(text, start, end)) continue;
    if (form === "base64") {
      // The rest of the same base64, such as the user name of PLAIN.
      while (isBase64(text[start - 1])) start--;
      while (isBase64(text[end])) end++;
      at = end;
    }
    ranges.push([start, end]);
  }
  return ranges;
}

function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges.toSorted(([a], [b]) => a - b)) {
    const last = result.at(-1);
    if (last !== undefined && range[0] < last[1])
      result[result.length - 1] = [last[0], Math.max(last[1], range[1])];
    else result.push(range);
  }
  return result;
}
