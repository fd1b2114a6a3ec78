// Lays out the rows of `popwright list`: for a wide and a narrow terminal, and for a file.
import { paintFor, type Paint } from "../colour.ts";
import type { Io } from "../io.ts";
import { localDate, localTime } from "../local-time.ts";
import { readable } from "../readable.ts";
import { octetsText } from "../../advice/wording.ts";
import { cut, fitted } from "../width.ts";
import { addressText, type Headers } from "./message-headers.ts";

interface Row extends Pick<Headers, "from" | "date" | "subject"> {
  readonly number: number;
  readonly size: number | undefined;
}

/** A terminal that is narrower than this has two lines for each message. */
const NARROW = 60;
/** From this width on there is the time of day, and the address of the sender. */
const WIDE = 100;

export class MessageRows {
  readonly #io: Io;
  readonly #paint: Paint;
  /** The digits of the largest number. */
  readonly #digits: number;

  constructor(largest: number, io: Io) {
    this.#io = io;
    this.#paint = paintFor(io.stdout, io.env);
    this.#digits = String(largest).length;
  }

  /** Formats a message, with the line end. */
  text(row: Row): string {
    const { columns } = this.#io.stdout;
    if (columns === undefined) return this.#line(row, undefined);
    return columns < NARROW ? this.#twoLines(row, columns) : this.#line(row, columns);
  }

  /** `width`: `undefined` for a file, in which nothing is cut. */
  #line(row: Row, width: number | undefined): string {
    const isWide = width === undefined || width >= WIDE;
    const head = [this.#number(row), sizeText(row.size).padStart(7), dateText(row.date, isWide)].join("  ");
    const sender = this.#sender(row, isWide);
    const subject = this.#subject(row);
    if (width === undefined) return `${`${head}  ${fittedAtLeast(sender, 30)}  ${subject}`.trimEnd()}\n`;
    const from = isWide ? 30 : 20;
    const left = Math.max(10, width - head.length - from - 4);
    return `${this.#paint("dim", head)}  ${fitted(sender, from)}  ${cut(subject, left)}\n`;
  }

  #twoLines(row: Row, width: number): string {
    const head = `${this.#number(row)}  ${dateText(row.date, false)}`;
    const sender = cut(this.#sender(row, false), Math.max(10, width - head.length - 2));
    const indent = " ".repeat(this.#digits + 2);
    const subject = cut(this.#subject(row), Math.max(10, width - indent.length));
    return `${this.#paint("dim", head)}  ${sender}\n${indent}${subject}\n`;
  }

  #number({ number }: Row): string {
    return String(number).padStart(this.#digits);
  }

  #sender({ from: [first] }: Row, withAddress: boolean): string {
    if (first === undefined) return "-";
    const text = withAddress || first.name === "" ? addressText(first) : first.name;
    return readable(text, this.#io.secrets);
  }

  #subject({ subject }: Row): string {
    return subject === undefined ? "-" : readable(subject, this.#io.secrets);
  }
}

function fittedAtLeast(text: string, width: number): string {
  const padded = fitted(text, width);
  return padded.includes("…") ? text : padded;
}

function sizeText(size: number | undefined): string {
  return size === undefined ? "-" : octetsText(size);
}

function dateText(date: Date | undefined, withTime: boolean): string {
  const text = date === undefined ? "-" : withTime ? localTime(date).slice(0, -3) : localDate(date);
  return text.padEnd(withTime ? 16 : 10);
}
