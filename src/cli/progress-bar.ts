// Formats a progress bar, as wide as the terminal allows.
import { octetsText } from "../advice/wording.ts";

const WIDEST = 40;

/** Removes the line of the bar. */
export const ERASE = "\r\x1b[K";

/** The minimal time between two drawings of a bar, in milliseconds. */
export const REST = 100;

interface State {
  /** The bytes that have arrived, and those that are expected. */
  readonly received: number;
  readonly expected: number;
  /** Whether all is there. Servers estimate sizes, so the bar is full only then. */
  readonly isComplete: boolean;
  /** Before the numbers of bytes. */
  readonly label?: string;
}

/** Formats the bar: `[=====>    ]  12/40  3.2 MB of 9.1 MB`. */
export function progressBar({ received, expected, isComplete, label }: State, columns: number): string {
  const words = `${label === undefined ? "" : `  ${label}`}  ${octetsText(received)} of ${octetsText(expected)}`;
  const width = Math.min(WIDEST, columns - words.length - 3);
  if (width < 5) return words.trim().slice(0, columns - 1);
  const share = isComplete ? 1 : Math.min(0.99, received / Math.max(1, expected));
  const filled = Math.round(share * width);
  const bar = share === 1 ? "=".repeat(width) : `${"=".repeat(filled)}>`.slice(0, width).padEnd(width);
  return `[${bar}]${words}`;
}
