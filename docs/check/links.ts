// Checks every link of the built site: each leads to a page and an anchor that exist, and no page loads anything from elsewhere.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dist, fileFor, pages } from "./site.ts";

const decoded = (text: string): string =>
  text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<");

const htmlOf = (file: string): string => readFileSync(file, "utf8");

const anchors = new Map<string, Set<string>>();
function anchorsOf(file: string): Set<string> {
  const known = anchors.get(file);
  if (known !== undefined) return known;
  const found = new Set([...htmlOf(file).matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => decoded(id)));
  anchors.set(file, found);
  return found;
}

/** What is wrong with a link of a page, or `undefined`. */
function problem(page: string, link: string): string | undefined {
  const url = new URL(link, `http://site${page}`);
  if (url.host !== "site") return undefined; // a link to another site, which the reader may follow
  const file = fileFor(decodeURI(url.pathname));
  if (file === undefined) return `${page}: ${link} does not exist`;
  const anchor = decodeURIComponent(url.hash.slice(1));
  if (anchor !== "" && file.endsWith(".html") && !anchorsOf(file).has(anchor))
    return `${page}: no anchor ${link}`;
  return undefined;
}

/** Images, scripts, styles and fonts that a page would load from another host. */
function foreign(page: string, html: string): string[] {
  const loads = [
    ...html.matchAll(
      /<(?:img|script|link|iframe|source|video)\b[^>]*?\s(?:src|href)="((?:https?:)?\/\/[^"]+)"/g,
    ),
  ];
  return loads.map(([, address = ""]) => `${page}: loads ${address}`);
}

/** All problems of the site, and how many links it has. */
export function checkLinks(): { readonly links: number; readonly problems: readonly string[] } {
  let links = 0;
  const problems = pages().flatMap((page) => {
    const html = htmlOf(join(dist, page));
    const found = [...html.matchAll(/\s(?:href|src)="([^"]+)"/g)].map(([, link = ""]) => decoded(link));
    links += found.length;
    const wrong = found.map((link) => problem(page, link)).filter((each) => each !== undefined);
    return [...wrong, ...foreign(page, html)];
  });
  return { links, problems: [...new Set(problems)] };
}

if (process.argv[1] === import.meta.filename) {
  const { links, problems } = checkLinks();
  for (const each of problems) console.error(each);
  console.log(`${links} links on ${pages().length} pages, ${problems.length} wrong`);
  if (problems.length > 0) process.exitCode = 1;
}
