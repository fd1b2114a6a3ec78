// The pages that are generated before each build: the ones of the repository's root, and the examples. They go to generated/,
// which git ignores.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";

export const docs: string = join(import.meta.dirname, "..");
export const root: string = join(docs, "..");

/** Page → the file of the repository that it shows. Relative links in it are relative to that file. */
export const COPIES: Readonly<Record<string, string>> = {
  "recipes.md": "README.md",
  "security.md": "SECURITY.md",
  "changelog.md": "CHANGELOG.md",
  "contributing.md": "CONTRIBUTING.md",
};

/** The folders of examples that have sections of their own on the page of examples. */
export const EXAMPLE_FOLDERS = [
  "examples",
  "examples/with-packages",
  "examples/service",
  "examples/destinations",
  "examples/ledgers",
] as const;

/** The languages of the examples. What has another ending, or none, is not shown. */
const LANGUAGES: Readonly<Record<string, string>> = {
  ".ts": "ts",
  ".mjs": "js",
  ".cjs": "js",
  ".js": "js",
  ".service": "ini",
  Dockerfile: "dockerfile",
  ".yaml": "yaml",
};

function languageOf(path: string): string | undefined {
  // The tools of a folder of its own are not an example.
  if (path === "examples/service/popwright.json") return "json";
  return LANGUAGES[extname(path) || basename(path)];
}

/** The examples, with their paths in the repository. */
export function exampleFiles(): string[] {
  return EXAMPLE_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  ).filter((path) => languageOf(path) !== undefined);
}

/** The heading of an example on the page of examples; its slug is its anchor. */
export function exampleHeading(path: string): string {
  return `\`${path.replace("examples/", "")}\``;
}

function exampleSection(path: string): string {
  const text = readFileSync(join(root, path), "utf8").trimEnd();
  const lines = text.split("\n");
  if (lines[0] === "// @ts-check") lines.shift();
  const end = lines.findIndex((line) => !/^(\/\/|#)/.test(line));
  const comment = lines.slice(0, end).map((line) => line.replace(/^(\/\/|#) ?/, ""));
  const prose = comment.flatMap((line, at) => {
    const isCode = (text = ""): boolean => text.startsWith("  ");
    if (!isCode(line)) {
      // A variable of the environment becomes an item of a list.
      return [line.replaceAll("<", "&lt;").replace(/^([A-Z][\dA-Z_]+) {2,}/, "- `$1`: ")];
    }
    // A block with a fence can be scrolled on a narrow screen; one that is only indented cannot.
    return [
      ...(isCode(comment[at - 1]) ? [] : ["```"]),
      line.trim(),
      ...(isCode(comment[at + 1]) ? [] : ["```"]),
    ];
  });
  const code = lines.slice(end).join("\n").trimStart();
  const fence = `\`\`\`\`${languageOf(path) ?? ""}`;
  return `## ${exampleHeading(path)}\n\n${prose.join("\n")}\n\n${fence}\n${code}\n\`\`\`\``;
}

/** Writes the generated pages, except those of TypeDoc. */
export function writePages(): void {
  mkdirSync(join(docs, "generated"), { recursive: true });
  for (const [page, source] of Object.entries(COPIES))
    writeFileSync(join(docs, "generated", page), readFileSync(join(root, source)));
  const intro = readFileSync(join(root, "examples", "README.md"), "utf8");
  writeFileSync(
    join(docs, "generated", "examples.md"),
    [intro, ...exampleFiles().map(exampleSection)].join("\n\n"),
  );
}

/** The file of the repository from which a page is made. */
export function sourceOf(file: string): string {
  const page = file.replace(`${docs}/generated/`, "");
  const copied = COPIES[page];
  if (copied !== undefined) return join(root, copied);
  return page === "examples.md" ? join(root, "examples", "README.md") : file;
}

export function isGeneratedByTypeDoc(file: string): boolean {
  return dirname(file).startsWith(join(docs, "generated", "api"));
}
