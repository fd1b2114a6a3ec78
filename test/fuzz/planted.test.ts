// The fuzzer finds bugs: in toys, and in parsers of which one line was changed. The numbers of inputs are those of one seed, with
// room for changes of the sources.
import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { minimised } from "./failure.ts";
import { Fuzzer } from "./fuzzer.ts";
import { growthOf } from "./growth.ts";
import { BUGS } from "./planted.ts";
import { loadTarget, type Target } from "./target.ts";

const SEED = 1939;

/** Returns what is found within a number of inputs, minimised. */
async function found(
  target: Target,
  inputs: number,
): Promise<{ readonly data: string; readonly message: string } | undefined> {
  const fuzzer = new Fuzzer(target, SEED);
  for (const token of ["", ...target.TOKENS]) {
    const failure = await fuzzer.try(Buffer.from(token, "latin1"));
    if (failure !== undefined) return { data: token, message: failure.error.message };
  }
  while (fuzzer.inputs < inputs) {
    const failure = await fuzzer.step();
    if (failure === undefined) continue;
    const { data, error } = await minimised(target, failure);
    return { data: data.toString("latin1"), message: error.message };
  }
  return undefined;
}

describe("a toy", () => {
  test("breaks after four comparisons, which coverage finds one by one, and the input is minimised", async () => {
    const failure = await found(await loadTarget("test/fuzz/toys/steps.ts"), 1_000_000);
    expect(failure).toEqual({ data: "\xdf\xa8\x5b\x7f", message: "the toy is broken" });
  });

  test("takes quadratic time, which a longer input shows", async () => {
    const target = await loadTarget("test/fuzz/toys/square.ts");
    expect(await growthOf(target, Buffer.from(")"), false)).toBeUndefined();
    expect(await growthOf(target, Buffer.from("("), false)).toMatch(
      /^repeated, it takes \d+ branches for 2048 octets, and \d+ for 16384$/,
    );
    expect(await growthOf(target, Buffer.from("()"), false)).toMatch(/^with its first 1 repeated, it takes /);
  });
});

test.each(BUGS)("a planted bug is found within 20,000 inputs: $name", async ({ target, patch }) => {
  const path = `test/fuzz/targets/${target}.ts`;
  expect(await found(await loadTarget(path, [patch]), 20_000)).toBeDefined();
});

test("each target has a corpus, and each corpus a target", async () => {
  const corpora = await readdir(new URL("corpus/", import.meta.url));
  const targets = await readdir(new URL("targets/", import.meta.url));
  expect(corpora.map((name) => `${name}.ts`).toSorted()).toEqual(targets.toSorted());
});

test("the same seed gives the same inputs", async () => {
  const inputs = async (): Promise<string[]> => {
    const fuzzer = new Fuzzer(await loadTarget("test/fuzz/targets/url.ts"), SEED);
    const tried: string[] = [];
    fuzzer.onInput = (data) => tried.push(data.toString("latin1"));
    for (let count = 0; count < 500; count++) expect(await fuzzer.step()).toBeUndefined();
    return tried;
  };
  expect(await inputs()).toEqual(await inputs());
});
