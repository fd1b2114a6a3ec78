// The order of the pages. A page that does not exist is left out.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DefaultTheme } from "vitepress";
import { docs } from "./pages.ts";

type Entry = readonly [text: string, page: string];

const GROUPS: readonly (readonly [text: string, entries: readonly Entry[]])[] = [
  [
    "Start",
    [
      ["Getting started", "getting-started"],
      ["POP3 in five minutes", "pop3"],
      ["Which API do I want?", "which-api"],
      ["The session as a transaction", "session"],
      ["Retrieving and streaming", "retrieving"],
      ["Recipes", "recipes"],
      ["Examples", "examples"],
      ["Troubleshooting", "troubleshooting"],
      ["Questions and answers", "faq"],
    ],
  ],
  [
    "Logging in",
    [
      ["Logging in", "authentication"],
      ["Access tokens", "oauth2"],
      ["Gmail", "providers/gmail"],
      ["Microsoft 365", "providers/microsoft-365"],
      ["Outlook.com, Hotmail", "providers/outlook"],
      ["Yahoo, AOL", "providers/yahoo"],
      ["iCloud", "providers/icloud"],
      ["GMX, WEB.DE", "providers/gmx-webde"],
      ["Fastmail", "providers/fastmail"],
      ["Other providers", "providers/others"],
      ["Your own server", "providers/self-hosted"],
    ],
  ],
  [
    "The client",
    [
      ["Options", "options"],
      ["Errors", "errors"],
      ["Commands", "commands"],
      ["Many mailboxes: the pool", "pool"],
      ["Parsing", "parse"],
      ["Logging, tracing, metrics", "observability"],
    ],
  ],
  [
    "Fetching",
    [
      ["Fetching new mail", "fetching"],
      ["The ledger", "ledger"],
      ["Destinations", "destinations"],
      ["Your own ledger or destination", "your-own"],
      ["SQLite", "sqlite"],
      ["PostgreSQL", "postgres"],
      ["Redis", "redis"],
      ["A fleet", "fleet"],
      ["Running it as a service", "service"],
      ["Replacing Gmail's POP fetching", "replacing-gmail"],
    ],
  ],
  ["Command line", [["The command line", "command-line"]]],
  [
    "Testing",
    [
      ["A server for your tests", "testing"],
      ["Cookbook: fault and code", "testing-cookbook"],
    ],
  ],
  [
    "Moving to popwright",
    [
      ["Overview", "migration"],
      ["From node-pop3", "migration-node-pop3"],
      ["The drop-in for node-pop3", "node-pop3"],
      ["From yapople", "migration-yapople"],
      ["From poplib and mailpop3", "migration-poplib"],
      ["From Python's poplib", "migration-python"],
      ["From imapflow", "migration-imapflow"],
      ["From fetchmail, getmail, mpop", "migration-fetchmail"],
      ["Comparison", "comparison"],
    ],
  ],
  [
    "How it works",
    [
      ["Design", "design"],
      ["Performance", "performance"],
      ["Reliability", "reliability"],
      ["Durability", "durability"],
      ["Security", "security"],
    ],
  ],
  [
    "Project",
    [
      ["Versions", "semver"],
      ["Changelog", "changelog"],
      ["Contributing", "contributing"],
    ],
  ],
];

const exists = (page: string): boolean =>
  [page, `generated/${page}`].some((name) => existsSync(join(docs, `${name}.md`)));

const guide = (): DefaultTheme.SidebarItem[] =>
  GROUPS.map(([text, entries]) => ({
    text,
    items: entries
      .filter(([, page]) => exists(page))
      .map(([label, page]) => ({ text: label, link: `/${page}` })),
  })).filter(({ items }) => items.length > 0);

/** Not to be folded: a button within a button is hard to use with a keyboard. */
function unfolded({ text = "", link, items }: DefaultTheme.SidebarItem): DefaultTheme.SidebarItem {
  return {
    text,
    ...(link !== undefined && { link }),
    ...(items !== undefined && { items: items.map(unfolded) }),
  };
}

/** The modules of the API, which TypeDoc has written. A page of a module lists what that module has. */
function api(): Record<string, DefaultTheme.SidebarItem[]> {
  const file = join(docs, "generated", "api", "typedoc-sidebar.json");
  if (!existsSync(file)) return {};
  const modules = JSON.parse(readFileSync(file, "utf8")) as DefaultTheme.SidebarItem[];
  const address = ({ link = "" }: DefaultTheme.SidebarItem): string => link.replace(/index\.md$|\.md$/, "");
  const listed = (current?: DefaultTheme.SidebarItem): DefaultTheme.SidebarItem[] => [
    { text: "API", link: "/api/" },
    ...modules.map((each) =>
      each === current ? unfolded(each) : { text: each.text ?? "", link: each.link ?? "" },
    ),
  ];
  return {
    ...Object.fromEntries(modules.map((each) => [address(each), listed(each)])),
    "/api/": listed(),
  };
}

/** Call it when the generated pages are written. */
export const sidebar = (): DefaultTheme.Sidebar => ({ ...api(), "/": guide() });
