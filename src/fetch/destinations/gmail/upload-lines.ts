// What the file of an UploadJournal says, line by line. A line counts if it is whole; the last one of a message counts.

/** An upload whose outcome is not known yet. */
export interface Begun {
  /** The address of its session: a secret. */
  readonly url: string;
  /** The size of the message; bytes. */
  readonly size: number;
  /** SHA-256 of the message, in hexadecimal. */
  readonly digest: string;
}

/** One line of the file. The last one of a key counts. */
export interface UploadLine {
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** `undefined`: Gmail has refused the message. */
  readonly upload?: Begun | "accepted" | undefined;
}

/** Returns a line. Its line end comes first: what a full disk has cut off then spoils no other line. */
export function textOf(line: UploadLine): string {
  return `\n${JSON.stringify(line)}\n`;
}

/** Adds what a file says to `lines`, which earlier files have filled. */
export function addLines(lines: Map<string, UploadLine>, text: string): void {
  for (const line of linesIn(text)) {
    // The file of a run that has lost its mailbox may have older news.
    if (line.upload === undefined) lines.delete(line.key);
    else if (lines.get(line.key)?.upload !== "accepted") lines.set(line.key, line);
  }
}

/** Returns the whole lines of a file, in order. */
export function linesIn(text: string): UploadLine[] {
  return text.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isLine(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

function isLine(value: unknown): value is UploadLine {
  const { key, at, upload } = (value ?? {}) as Partial<Record<keyof UploadLine, unknown>>;
  if (typeof key !== "string" || typeof at !== "number") return false;
  if (upload === undefined || upload === "accepted") return true;
  const { url, size, digest } = (upload ?? {}) as Partial<Record<keyof Begun, unknown>>;
  return (
    typeof url === "string" && URL.canParse(url) && Number.isSafeInteger(size) && typeof digest === "string"
  );
}
