// What happens if the output of the command line cannot be written: the sentence says which output that is, and the exit
// code is that of a file.
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-codes.ts";
import { explain } from "../../src/cli/explain.ts";
import { isReaderGone, outputTo } from "../../src/cli/io.ts";

function failing(code: string, words: string): Writable {
  const error = Object.assign(new Error(`${code}: ${words}, write`), { code, syscall: "write" });
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      done(error);
    },
  });
  return stream.on("error", () => undefined);
}

test("a full disk", async () => {
  const output = outputTo(failing("ENOSPC", "no space left on device"), "standard output");
  const error: unknown = await output.write("text").catch((thrown: unknown) => thrown);
  expect(explain(error)).toEqual([
    "cannot write to standard output: ENOSPC: no space left on device, write",
    "The disk is full. Free some space.",
  ]);
  expect(exitCodeOf(error)).toBe(73);
  expect(isReaderGone(error)).toBe(false);
});

test("a reader that has closed the pipe", async () => {
  const output = outputTo(failing("EPIPE", "broken pipe"), "standard output");
  const error: unknown = await output.write("text").catch((thrown: unknown) => thrown);
  expect(isReaderGone(error)).toBe(true);
});
