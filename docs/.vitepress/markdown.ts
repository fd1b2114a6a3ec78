// Markdown as GitHub shows it, on the site: links to files of the repository, tabs between comments, tables for narrow screens.
import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { MarkdownRenderer } from "vitepress";
import { slug } from "github-slugger";
import { COPIES, EXAMPLE_FOLDERS, exampleHeading, isGeneratedByTypeDoc, root, sourceOf } from "./pages.ts";

interface Environment {
  readonly path?: string;
  readonly realPath?: string;
}

const pageOf = new Map(Object.entries(COPIES).map(([page, source]) => [source, `/${page}`]));

/** The address on the site for a relative link in a file of the repository. Throws if it leads to a file that has no page. */
function address(link: string, source: string): string {
  const [path = "", anchor] = link.split("#");
  const target = join(dirname(source), path);
  const file = relative(root, target).split(sep).join("/");
  const hash = anchor === undefined ? "" : `#${anchor}`;
  if (!existsSync(target)) throw new Error(`${relative(root, source)}: ${link} does not exist`);
  const page = pageOf.get(file);
  if (page !== undefined) return page + hash;
  if (file === "examples/README.md" || EXAMPLE_FOLDERS.some((folder) => folder === file))
    return "/examples.md";
  if (/^examples\/fleet\b/.test(file)) return "/fleet.md";
  if (file.startsWith("examples/")) return `/examples.md#${slug(exampleHeading(file))}`;
  if (file.startsWith("docs/") && file.endsWith(".md")) return `/${file.slice("docs/".length)}${hash}`;
  throw new Error(`${relative(root, source)}: ${link} has no page on the site`);
}

const isRelative = (link: string): boolean => !/^([a-z]+:|#|\/)/.test(link);

/** Leads relative links to their pages, as GitHub leads them to the files. */
function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push("repository-links", (state) => {
    const { path, realPath } = state.env as Environment;
    const file = realPath ?? path;
    if (file === undefined || isGeneratedByTypeDoc(file)) return;
    for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
      const image = token.type === "image" ? token.attrGet("src") : null;
      if (image !== null && isRelative(image)) {
        const path = relative(dirname(file), join(dirname(sourceOf(file)), image));
        token.attrSet("src", path.startsWith(".") ? path : `./${path}`);
      }
      const link = token.type === "link_open" ? token.attrGet("href") : null;
      if (link !== null && isRelative(link)) token.attrSet("href", address(decodeURI(link), sourceOf(file)));
    }
  });
}

/** `<!-- tabs -->` and `<!-- /tabs -->` around blocks with a `[title]`: GitHub shows one block after another. */
function tabs(md: MarkdownRenderer): void {
  md.core.ruler.after("normalize", "tabs", (state) => {
    state.src = state.src.replaceAll("<!-- tabs -->", "::: code-group").replaceAll("<!-- /tabs -->", ":::");
  });
}

/** Tables of up to four columns become lists on narrow screens, each cell with the head of its column. Wider ones scroll. */
function tables(md: MarkdownRenderer): void {
  // The rule of VitePress leaves the attributes out.
  md.renderer.rules["table_open"] = (tokens, at, options, _env, self) =>
    self.renderToken(tokens, at, options);
  md.core.ruler.push("tables", ({ tokens }) => {
    for (const [at, open] of tokens.entries()) {
      if (open.type !== "table_open") continue;
      const length = tokens.slice(at).findIndex(({ type }) => type === "table_close");
      const table = tokens.slice(at, at + length);
      const heads = table.flatMap(({ type }, index) =>
        type === "th_open" ? [table[index + 1]?.content ?? ""] : [],
      );
      open.attrSet("class", heads.length <= 4 ? "narrow" : "wide");
      open.attrSet("tabindex", "0");
      let column = 0;
      for (const token of table) {
        if (token.type === "tr_open") column = 0;
        if (token.type !== "td_open") continue;
        const head = (heads[column++] ?? "").replaceAll(/[`*]|\[|\]\([^)]*\)/g, "");
        if (head !== "") token.attrSet("data-head", head);
      }
    }
  });
}

export function extendMarkdown(md: MarkdownRenderer): void {
  tabs(md);
  repositoryLinks(md);
  tables(md);
}
