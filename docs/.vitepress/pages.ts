// The pages that are generated before each build: the ones of the repository's root, and the examples. They go to generated/,
// which git ignores.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";

export const docs: string = join(import.meta.dirname, "..");
export const root: string = join(docs, "..");

/** Page → the file of the repository that it shows. Relative links in it are relative to that file. */
export const COPIES: Readonly<Record<string, string>> = {
  "recipes.md": "README.md",
  "security.md": "SECURITY.md",
  "changelog.md": "CHANGELOG.md",
  "contributing.md": "CONTRIBUTING.md",
};

const FOLDERS = ["examples", "examples/destinations", "examples/ledgers"];

/** The examples, with their paths in the repository. */
export function exampleFiles(): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => [".ts", ".mjs", ".cjs", ".js"].includes(extname(name)))
      .map((name) => `${folder}/${name}`),
  );
}

/** The heading of an example on the page of examples; its slug is its anchor. */
export function exampleHeading(path: string): string {
  return `\`${path.replace("examples/", "")}\``;
}

function exampleSection(path: string): string {
  const text = readFileSync(join(root, path), "utf8").trimEnd();
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("//"));
  const comment = lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, ""));
  // What is indented is a command.
  const prose = comment.map((line) =>
    line.startsWith("  ") ? `    ${line.trim()}` : line.replaceAll("<", "&lt;"),
  );
  const code = lines.slice(end).join("\n").trimStart();
  const fence = `\`\`\`\`${extname(path)
    .slice(1)
    .replace(/^[mc]js$/, "js")}`;
  return `## ${exampleHeading(path)}\n\n${prose.join("\n")}\n\n${fence}\n${code}\n\`\`\`\``;
}

/** Writes the generated pages, except those of TypeDoc. */
export function writePages(): void {
  mkdirSync(join(docs, "generated"), { recursive: true });
  for (const [page, source] of Object.entries(COPIES))
    writeFileSync(join(docs, "generated", page), readFileSync(join(root, source)));
  const intro =
    "# Examples\n\nWhole programs. They run in a clone of the repository, after `npm ci`. The tests check their types, and run those that need no account of yours.\n";
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
