// The documentation site: the pages of this folder, those of the repository's root, the examples and the API.
import { slug } from "github-slugger";
import type { DefaultTheme, UserConfig } from "vitepress";
import { extendMarkdown } from "./markdown.ts";
import { writePages } from "./pages.ts";
import { sidebar } from "./sidebar.ts";

writePages();

const config: UserConfig<DefaultTheme.Config> = {
  title: "popwright",
  description:
    "A POP3 client for Node: every byte as it was sent, a session that is a transaction, and the speed of the network.",
  lang: "en",
  base: process.env["DOCS_BASE"] ?? "/",
  rewrites: { "generated/:path*": ":path*" },
  srcExclude: ["node_modules/**", "check/**"],
  head: [
    ["link", { rel: "icon", type: "image/svg+xml", href: `${process.env["DOCS_BASE"] ?? "/"}icon.svg` }],
  ],
  // The anchors are those of GitHub, so that a link is right in both places.
  markdown: {
    // Colours with enough contrast on the background of a block.
    theme: { light: "github-light-high-contrast", dark: "github-dark-default" },
    anchor: { slugify: (text) => slug(text) },
    config: extendMarkdown,
  },
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    logo: "/icon.svg",
    nav: [
      { text: "Getting started", link: "/getting-started" },
      { text: "Options", link: "/options" },
      { text: "Errors", link: "/errors" },
      { text: "API", link: "/api/" },
      { text: "Changelog", link: "/changelog" },
    ],
    sidebar: sidebar(),
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: { miniSearch: { searchOptions: { boost: { title: 4, text: 1, titles: 2 } } } },
    },
  },
};

export default config;
