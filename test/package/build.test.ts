// The build is left out only if nothing has changed that it depends on, or that it has made.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { build } from "../../scripts/build.ts";

/** Stands for tsup: writes dist/index.js, or fails if src/index.ts is to be refused. */
const TSUP = `
const { mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const source = readFileSync("src/index.ts", "utf8");
mkdirSync("dist");
writeFileSync("dist/index.js", source);
if (source === "refused") process.exit(1);
`;

test("a build is made again after each change, and only then", async () => {
  const directory = await mkdtemp(join(tmpdir(), "popwright-build-"));
  const write = (path: string, text: string): Promise<void> => writeFile(join(directory, path), text);
  try {
    await mkdir(join(directory, "node_modules/tsup/dist"), { recursive: true });
    await write("node_modules/tsup/dist/cli-default.js", TSUP);
    await mkdir(join(directory, "src/folder"), { recursive: true });
    await write("src/index.ts", "1");
    await write("src/folder/other.ts", "1");

    expect(await build(directory), "at first").toBe(true);
    expect(await build(directory), "nothing has changed").toBe(false);
    await write("src/index.ts", "2");
    expect(await build(directory), "a source has changed").toBe(true);
    await write("src/folder/other.ts", "2");
    expect(await build(directory), "a source in a folder has changed").toBe(true);
    await write("src/new.ts", "");
    expect(await build(directory), "a source is new").toBe(true);
    await write("package-lock.json", "{}");
    expect(await build(directory), "the versions have changed").toBe(true);
    await write("dist/index.js", "tampered");
    expect(await build(directory), "a file of dist/ has changed").toBe(true);
    await write("dist/stray.js", "");
    expect(await build(directory), "a file of dist/ is foreign").toBe(true);
    await rm(join(directory, "dist"), { recursive: true });
    expect(await build(directory), "dist/ is gone").toBe(true);
    expect(await build(directory, true), "forced").toBe(true);
    expect(await build(directory), "nothing has changed").toBe(false);

    await write("src/index.ts", "refused");
    await expect(build(directory)).rejects.toThrow();
    await write("src/index.ts", "2");
    expect(await build(directory), "the last build has failed").toBe(true);
  } finally {
    await rm(directory, { recursive: true });
  }
});
