// Colours text, if the output is a terminal that wants it (https://no-color.org).
import type { Output } from "./io.ts";

const STYLES = { bold: "1", dim: "2", red: "31", green: "32" } as const;

export type Paint = (style: keyof typeof STYLES, text: string) => string;

/** Returns the function that colours text for `output`. Without colours it returns the text as it is. */
export function paintFor(output: Output, env: Readonly<Record<string, string | undefined>>): Paint {
  const isPlain = output.columns === undefined || (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";
  return (style, text) => (isPlain ? text : `\x1b[${STYLES[style]}m${text}\x1b[0m`);
}
