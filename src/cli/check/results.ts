// Formats the results of `popwright check`: lines for people, and one JSON object for programs.
import { paintFor } from "../colour.ts";
import { explain, meaning, type Attempt } from "../explain.ts";
import type { Io } from "../io.ts";
import { printable } from "../../protocol/printable.ts";
import { linesText, wrapped } from "../text.ts";
import type { DestinationResult } from "./destination-trial.ts";
import type { Step } from "../../advice/examination.ts";

/** Both marks have the same width, so that the results are aligned. */
const MARKS = { well: "ok  ", ill: "FAIL" };
const INDENT = 20;

export function stepLines({ name, text, notes, error }: Step, attempt: Attempt, io: Io): string {
  const lines = error === undefined ? [text, ...notes] : [...explain(error, attempt), ...notes];
  return linesOf(name, error === undefined, lines, io);
}

/** The lines of a destination, below a line that names it. */
export function destinationLines({ place, steps, error, isRepeated }: DestinationResult, io: Io): string {
  const head = `to ${printable(place)}`;
  if (isRepeated) return linesText([`${head}: as above`], io.stdout.columns);
  const lines = steps.map(({ name, ok, text }) => linesOf(name, ok, [text], io));
  if (error !== undefined) lines.push(linesOf("settings", false, explain(error), io));
  return linesText([head], io.stdout.columns) + lines.join("");
}

function linesOf(name: string, ok: boolean, texts: readonly string[], { stdout, env }: Io): string {
  const paint = paintFor(stdout, env);
  const mark = ok ? paint("green", MARKS.well) : paint("red", MARKS.ill);
  // On a narrow terminal the text begins in the next line.
  const isNarrow = (stdout.columns ?? INDENT * 4) < INDENT * 3;
  const indent = isNarrow ? 6 : INDENT;
  const head = isNarrow ? `${mark}  ${name}\n${" ".repeat(indent)}` : `${mark}  ${name.padEnd(INDENT - 6)}`;
  const lines = texts.map((text) => wrapped(text, indent, stdout.columns));
  return `${head}${lines.join(`\n${" ".repeat(indent)}`)}\n`;
}

interface Results {
  readonly mailbox: string | undefined;
  readonly steps: readonly Step[];
  readonly attempt: Attempt | undefined;
  readonly destination: DestinationResult | undefined;
}

export function summary({ mailbox, steps, attempt = {}, destination }: Results): unknown {
  const { host, port, user } = attempt;
  return {
    ok: steps.every(({ error }) => error === undefined) && destination?.ok !== false,
    mailbox,
    host,
    port,
    user,
    ...Object.assign({}, ...steps.map(({ facts }) => facts)),
    steps: host === undefined ? undefined : steps.map((step) => stepSummary(step, attempt)),
    destination: destination && destinationSummary(destination),
  };
}

function stepSummary({ name, text, notes, error }: Step, attempt: Attempt): unknown {
  if (error === undefined) return { step: name, ok: true, text, notes };
  const known = meaning(error);
  const means = known === undefined ? undefined : { id: known.id, kind: known.kind, passes: known.passes };
  return {
    step: name,
    ok: false,
    text: error.message,
    notes: [...explain(error, attempt).slice(1), ...notes],
    error,
    means,
  };
}

function destinationSummary({ place, ok, steps, error }: DestinationResult): unknown {
  const failure =
    error === undefined ? [] : [{ step: "settings", ok: false, text: explain(error)[0], error }];
  return { place, ok, steps: [...steps.map(({ name, ...rest }) => ({ step: name, ...rest })), ...failure] };
}
