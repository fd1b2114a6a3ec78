// The documents that make promises name the commands and the files that test them: each of these exists, and each command
// runs the files that stand next to it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const { scripts } = JSON.parse(read("package.json")) as { scripts: Readonly<Record<string, string>> };

const FILES = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
  .map((name) => `test/${name.replaceAll("\\", "/")}`)
  .filter((name) => !name.includes("node_modules"));

const DOCUMENTS = ["SECURITY.md", "docs/reliability.md", "docs/durability.md", "test/README.md"];

/** The scripts that a text names, as `npm test` or `npm run NAME`. */
const scriptsIn = (text: string): string[] =>
  [...text.matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(test)\b)/g)].map(([, name, plain]) =>
    String(name ?? plain),
  );

/** The files and folders of tests that a text names; a `*` stands for a part of a name. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`(test\/[^`\s]+)`/g)].map(([, path = ""]) => path);

/** A pattern of file names as the configurations of Vitest have it. */
function matching(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.+^$()|[\]\\]/g, "\\$&")
    .replaceAll("{", "(?:")
    .replaceAll("}", ")")
    .replaceAll(",", "|")
    .replaceAll("**/", "(?:.+/)?")
    .replaceAll("**", ".+")
    .replaceAll("*", "[^/]*");
  return new RegExp(`^${source}$`);
}

interface Configuration {
  readonly test?: {
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
    readonly projects?: readonly Configuration[];
  };
}

/** Whether a configuration of Vitest runs a file. */
function runs({ test: settings }: Configuration, file: string): boolean {
  if (settings?.projects !== undefined) return settings.projects.some((project) => runs(project, file));
  const { include = [], exclude = [] } = settings ?? {};
  const fits = (patterns: readonly string[]): boolean => patterns.some((each) => matching(each).test(file));
  return fits(include) && !fits(exclude);
}

/** Whether a script runs a file: by a configuration of Vitest, by a program in the same folder, or by another script. */
async function isRunBy(script: string, file: string): Promise<boolean> {
  const line = scripts[script] ?? "";
  for (const [, name = "vitest.config.ts"] of line.matchAll(/\bvitest run(?: --config (\S+))?/g)) {
    const { default: configuration } = (await import(pathToFileURL(join(root, name)).href)) as {
      default: Configuration;
    };
    if (runs(configuration, file)) return true;
  }
  for (const [, folder = ""] of line.matchAll(/\b(test\/\w+\/)main\.ts/g))
    if (file.startsWith(folder)) return true;
  for (const other of scriptsIn(line)) if (other !== "build" && (await isRunBy(other, file))) return true;
  return false;
}

describe.each(DOCUMENTS)("%s", (document) => {
  const text = read(document);

  test("every command exists", () => {
    expect(scriptsIn(text).filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  test("every file of tests exists", () => {
    const missing = pathsIn(text).filter((path) => {
      const wanted = path.includes("*") ? matching(path) : undefined;
      return !FILES.some((file) =>
        wanted === undefined ? file === path || `${file}/` === path : wanted.test(file),
      );
    });
    expect(missing).toEqual([]);
  });

  test("every variable is read", () => {
    const sources = FILES.filter((file) => file.endsWith(".ts"));
    const all = [...sources, ...["src/cli/secret-variables.ts"]].map(read).join("\n");
    const names = [...text.matchAll(/\bPOPWRIGHT_[A-Z_]+\b/g)].map(([name]) => name);
    expect([...new Set(names)].filter((name) => !new RegExp(String.raw`\b${name}\b`).test(all))).toEqual([]);
  });
});

/** The rows of the tables of promises. A row whose first cell is empty is about the promise before. */
const PROMISES = ["SECURITY.md", "docs/reliability.md"].flatMap((document) =>
  read(document)
    .split("\n")
    .filter((line) => /^\|[^|]*\|[^|]*`npm (?:test|run )[^|]*\|[^|]*\|$/.test(line))
    .flatMap((line) => {
      const paths = pathsIn(line);
      return paths.length === 0 ? [] : [{ document, line, paths, commands: scriptsIn(line) }];
    }),
);

test("there are tables of promises", () => {
  expect(PROMISES.length).toBeGreaterThan(40);
});

test.each(PROMISES)("$document: the command runs the files of $line", async ({ paths, commands }) => {
  for (const path of paths) {
    const isRun = await Promise.all(commands.map((name) => isRunBy(name, path)));
    expect(isRun.includes(true), `${commands.join(", ")}: ${path}`).toBe(true);
  }
});
