// What the outcome of a run is worth: held against the list of what is known.
import type { Known } from "./known.ts";
import type { Outcome } from "./outcome.ts";

export interface Verdict {
  readonly passed: number;
  /** Failed, and known to. */
  readonly known: ReadonlyMap<Known, number>;
  /** Each a reason why the run has failed. */
  readonly complaints: readonly string[];
}

export function judge(outcome: Outcome, list: readonly Known[]): Verdict {
  const known = new Map<Known, number>();
  const complaints: string[] = outcome.unhandled.map((error) => `unhandled: ${error}`);
  const met = new Set<Known>();
  let passed = 0;
  for (const { file, errors, tests } of outcome.files) {
    complaints.push(...errors.map((error) => `${file}: ${error}`));
    for (const test of tests) {
      const entry = list.find((each) => each.file === file && each.tests?.test(test.name) === true);
      const name = `${file} > ${test.name}`;
      if (entry !== undefined) met.add(entry);
      if (test.state === "passed") {
        passed++;
        if (entry !== undefined && entry.sometimes !== true) {
          complaints.push(`${name}: passes, and stands in known.ts`);
        }
      } else if (entry !== undefined) known.set(entry, (known.get(entry) ?? 0) + 1);
      else complaints.push(`${name}: ${test.state}\n${test.errors.join("\n")}`);
    }
  }
  const files = new Set(outcome.files.map(({ file }) => file));
  for (const entry of list) {
    if (entry.tests === undefined ? !files.has(entry.file) : met.has(entry) || !files.has(entry.file))
      continue;
    complaints.push(`${entry.file}: no test is called ${String(entry.tests)}, as known.ts has it`);
  }
  if (outcome.files.length === 0) complaints.push("no test has run");
  return { passed, known, complaints };
}
