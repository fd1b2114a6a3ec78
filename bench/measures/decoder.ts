// Measures the dot decoder alone, and the searches that it consists of.
import { runJob } from "../job.ts";
import { number, type Row } from "../table.ts";
import { decoderInputs } from "../tasks/decoder.ts";
import type { Measure } from "./measure.ts";

const CHUNKS: readonly (readonly [string, number])[] = [
  ["64 KiB", 64 * 1024],
  ["1 KiB", 1024],
  ["1 byte", 1],
];

export const decoder: Measure = {
  name: "decoder",
  async run(_stage, plan) {
    const rows: Row[] = [];
    for (const input of decoderInputs) {
      const outcomes = [];
      // Each input runs in a separate process, so that the compiler does not optimize for another input.
      for (const [, chunk] of CHUNKS) {
        outcomes.push(await runJob({ task: "decoder", input, chunk }, plan.limit));
      }
      rows.push({
        name: input,
        cells: [
          ...outcomes.map(({ speed }) => number(speed)),
          number(outcomes[0]?.["dots"]),
          number(outcomes[0]?.["ends"]),
        ],
      });
    }
    return [
      {
        id: "decoder",
        title: "The dot decoder alone, GB/s",
        note:
          "On 256 KiB that stay in the cache, in chunks of three sizes. For comparison, in chunks of 64 KiB: a " +
          "search for every dot and a search for every CRLF-dot, which decode nothing.",
        columns: [...CHUNKS.map(([name]) => name), "every dot", "every CRLF-dot"],
        rows,
      },
    ];
  },
};
