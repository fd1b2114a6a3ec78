// The built site, as a reader's browser sees it: its pages, and a server for them on this machine.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { extname, join } from "node:path";

export const dist: string = join(import.meta.dirname, "..", ".vitepress", "dist");

/** The paths of all pages: `/fetching.html`. */
export function pages(): string[] {
  return readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".html"))
    .map((name) => `/${name.replaceAll("\\", "/")}`);
}

/** The file for a path, or `undefined`. */
export function fileFor(path: string): string | undefined {
  const name = path.endsWith("/") ? `${path}index.html` : path;
  return [name, `${name}.html`]
    .map((each) => join(dist, each))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** Serves the site on 127.0.0.1. `port` 0 is any free one. */
export async function serve(port = 0): Promise<Server> {
  const server = createServer((request, response) => {
    const file = fileFor(decodeURI(new URL(request.url ?? "/", "http://localhost").pathname));
    const type = TYPES[extname(file ?? ".html")] ?? "application/octet-stream";
    response.writeHead(file === undefined ? 404 : 200, { "content-type": type });
    response.end(readFileSync(file ?? join(dist, "404.html")));
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
