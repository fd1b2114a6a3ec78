// `npm run phrases`: finds phrases that readers of English as a second language stumble over, in the sources, in what users
// read (docs/ and the other pages), and in the titles of tests. For single words, see `flagWords` in cspell.json.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** What not to write, and what to write instead. */
const PHRASES: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\bto be had\b/, "available"],
  [/(?<!\bthere )\b(?:is|are|was|were) none\b/, "is not one; has none"],
  [
    /(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|such\b|more\b|other\b|better\b|less\b)[a-z]/,
    "is not a",
  ],
  [/\bso many\b/, "N; a limit of N"],
  [/\bat hand\b/, "available; current"],
  [/\b(?:comes?|came|coming) off\b/, "succeeds"],
  [/\btaken? up again\b/, "resumed"],
  [/\bwhere (?:there|it|that|this|one|nothing|something) (?:is|are|was|were|has|had)\b/, "if; when"],
  [/\bnot to happen\b/, "must not happen"],
  [/\ball the same\b/, "nevertheless"],
  [/\b(?:is|are|was|were|has|have|had) to be (?:had|said|seen|told|asked|known|found)\b/, "must be"],
  [/\btold from\b/, "distinguished from"],
  [/\b(?:goes|going|went) on with\b/, "continues"],
  [/\bas the case may be\b|\bof one's own\b/, "if; of the caller"],
  [/\b(?:stands?|stood) (?:in|on|at|there)\b/, "is in"],
  [/\bgo(?:es)? on\b/, "continues"],
  [/\bgo(?:es)? out\b/, "is sent"],
  [/\bin clear\b(?! text|$)/, "in clear text"],
  [/\bmakes? no sense\b/, "is invalid"],
  [/\b(?:holds?|held) up\b/, "delays"],
  [/\bknows? no\b/, "does not support; has no"],
  [/\bin hand\b/, "current"],
  [/\bworth nothing\b/, "invalid"],
  [/\bsees? to (?:it|that)\b/, "makes sure"],
];

/** Lines that are right, by a part of each. */
const ALLOWED: readonly string[] = [
  "leave nothing behind",
  "leave no listener behind",
  "with a function that is asked for another token where one was refused", // a release keeps its notes
];

/** The single words that cspell flags. It does not read the titles in tables, as `name: "…"`. */
function flaggedWords(): readonly (readonly [RegExp, string])[] {
  const text = readFileSync(join(root, "cspell.json"), "utf8");
  const { flagWords } = JSON.parse(text) as { readonly flagWords: readonly string[] };
  return flagWords.map((each) => {
    const [word = "", instead = ""] = each.split("->");
    return [new RegExp(`\\b${word}\\b`), instead];
  });
}

interface Passage {
  /** `file:line` */
  readonly place: string;
  readonly text: string;
}

function tracked(...patterns: string[]): string[] {
  const list = execFileSync("git", ["ls-files", "-z", ...patterns], { cwd: root, encoding: "utf8" });
  return list.split("\0").filter((path) => path !== "");
}

/** Each line, with the first words of the next one: a phrase may be broken there. */
function linesOf(path: string): Passage[] {
  const lines = readFileSync(join(root, path), "utf8").split("\n");
  return lines.map((line, index) => {
    const next = (lines[index + 1] ?? "")
      .replace(/^\s*(?:\/\/|\*)?\s*/, "")
      .split(" ")
      .slice(0, 3);
    return { place: `${path}:${index + 1}`, text: `${line} ${next.join(" ")}` };
  });
}

/** `test("…"`, `it.each(…)("…"`, `describe("…"`, and `name: "…"` in a table, if it is more than one word. */
const TITLE =
  /\b(?:(?:test|it|describe)(?:\.\w+(?:<[^>]*>)?(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?)*\(|name:(?=\s*["'`][^\s"'`]+ ))\s*(["'`])((?:\\.|(?!\1).)*)\1/gs;

function titlesOf(path: string): Passage[] {
  const text = readFileSync(join(root, path), "utf8");
  return [...text.matchAll(TITLE)].map((match) => {
    const line = text.slice(0, match.index + match[0].length).split("\n").length;
    return { place: `${path}:${line}`, text: match[2] ?? "" };
  });
}

const PROSE = [
  "src/**/*.ts",
  "scripts/*.ts",
  "examples/*",
  "README.md",
  "docs/*.md",
  "SECURITY.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
];
const own = "scripts/phrases.ts";

function found(passages: readonly Passage[], phrases: readonly (readonly [RegExp, string])[]): string[] {
  return passages
    .filter(({ text }) => !ALLOWED.some((part) => text.includes(part)))
    .flatMap(({ place, text }) =>
      phrases
        .map(([phrase, instead]) => [new RegExp(phrase, "i").exec(text), instead] as const)
        .filter(([match]) => match !== null)
        .map(
          ([match, instead]) => `${place}: "${String(match?.[0])}", better: ${instead}\n    ${text.trim()}`,
        ),
    );
}

const prose = tracked(...PROSE)
  .filter((path) => path !== own)
  .flatMap(linesOf);
const titles = tracked("test/**/*.ts").flatMap(titlesOf);
const complaints = [...found(prose, PHRASES), ...found(titles, [...PHRASES, ...flaggedWords()])];
for (const complaint of complaints) console.error(complaint);
console.log(`${prose.length} lines and ${titles.length} titles, ${complaints.length} phrases to change`);
if (complaints.length > 0) process.exitCode = 1;
