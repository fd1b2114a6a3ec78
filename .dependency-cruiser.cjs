// The layers of src/, and what each may reach. `npm test` runs these rules, and proves that each can fail.

/** From the top down: a layer imports itself and what lies below it, and nothing above. */
const layers = [
  ["cli", "^src/cli/"],
  ["node-pop3", "^src/node-pop3/"],
  ["bullmq", "^src/bullmq/"],
  ["stores", "^src/(sqlite|postgres|redis)/"],
  ["store", "^src/store/"],
  ["fetch", "^src/fetch/"],
  ["index", "^src/index\\.ts$"],
  ["pool", "^src/pool/"],
  ["client", "^src/client\\.ts$"],
  ["session", "^src/session/"],
  ["advice", "^src/advice/"],
  ["options", "^src/options/"],
  ["net", "^src/net/"],
  ["retry", "^src/retry\\.ts$"],
  ["protocol-and-auth", "^src/(protocol|auth)/"],
  ["errors", "^src/errors\\.ts$"],
  ["system", "^src/system/"],
];

/** Beside the layers: they are entries of their own, and use little of the rest. */
const besides = ["^src/testing/", "^src/parse/", "^src/oauth2/"];

const downwards = layers.slice(1).map(([name, path], index) => ({
  name: `no-way-up-from-${name}`,
  severity: "error",
  from: { path },
  to: { path: layers.slice(0, index + 1).map(([, above]) => above) },
}));

/** What the command line uses in addition to the entries. */
const besidesTheEntries = [
  // Words from and for the user: names of mechanisms and proxies, hosts with brackets, the nearest name to a typo, addresses.
  "^src/options/(checks|client|duration|mail-address)\\.ts$",
  "^src/protocol/(foreign-error|printable)\\.ts$",
  // What no output may show.
  "^src/protocol/secrets\\.ts$",
  "^src/auth/names\\.ts$",
  "^src/net/(authority|proxy)\\.ts$",
  // The steps of an examination, and advice in the words of the command line.
  "^src/advice/",
  // What a refusal means, and whether it is temporary.
  "^src/retry\\.ts$",
  "^src/protocol/(refusals|malformed-line|pipelining-faults)\\.ts$",
  // The configuration file and the ledger.
  "^src/fetch/(options|plan/policy|ledger/another-try)\\.ts$",
  // The copy of imapflow that the build has for the command line.
  "^src/fetch/destinations/imap/load-imapflow\\.ts$",
  // The exit code of a refused sign-in.
  "^src/fetch/destinations/refused-sign-in\\.ts$",
  // The one way to listen to a signal, and to wait.
  "^src/net/(abort|settle)\\.ts$",
  // Files that are read completely.
  "^src/fetch/files/read-whole\\.ts$",
  // `popwright login`: a form for the device flow, and files that survive a crash and two processes.
  "^src/oauth2/post\\.ts$",
  "^src/fetch/files/(fsync|lock|own-file)\\.ts$",
  // `popwright check --record`.
  "^src/net/wire-log\\.ts$",
  "^src/testing/(escapes|transcript)\\.ts$",
];

/** Modules of Node through which the outside is reached, `/promises` included. */
const sockets = "^(node:)?(net|tls|dns|dgram|http|https|http2)(/|$)";

/** Modules of Node through which files are reached, `/promises` included. */
const files = "^(node:)?fs(/|$)";

/** What is gone once the sources are built: `import type`, and `import("name")` within a type. */
const types = ["type-only", "type-import"];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...downwards,
    {
      name: "every-file-in-a-layer",
      comment: "A new folder of src/ gets its place above, and with it its rules.",
      severity: "error",
      from: { path: "^src/", pathNot: [...layers.map(([, path]) => path), ...besides] },
      to: {},
    },
    {
      name: "cli-uses-the-entries",
      comment:
        "The command line is a program over what users have. docs/design.md names what more it uses, and why.",
      severity: "error",
      from: { path: "^src/cli/" },
      to: {
        path: "^src/",
        pathNot: ["^src/cli/", "^src/((fetch|oauth2|parse|testing)/)?index\\.ts$", ...besidesTheEntries],
      },
    },
    {
      name: "testing-uses-protocol-and-errors",
      comment:
        "A server that shared the client's code would share its mistakes. Checks of names and types are alike.",
      severity: "error",
      from: { path: "^src/testing/" },
      to: {
        path: "^src/",
        pathNot: [
          "^src/(testing|protocol)/|^src/(errors|options/checks)\\.ts$",
          // The interfaces that the contracts test: types alone, see the next rule.
          "^src/fetch/(ledger/ledger|destinations/destination)\\.ts$",
        ],
      },
    },
    {
      name: "testing-knows-fetch-by-its-types",
      comment: "Contracts test what authors write: nothing of the code that fetches is loaded.",
      severity: "error",
      from: { path: "^src/testing/" },
      to: { path: "^src/fetch/", dependencyTypesNot: types },
    },
    {
      name: "mechanisms-of-testing-know-no-server",
      comment: "Each declares its own options; of the server it needs the accounts.",
      severity: "error",
      from: { path: "^src/testing/mechanisms/" },
      to: {
        path: "^src/testing/",
        pathNot: "^src/testing/(mechanisms/|(accounts|message-id|option-checks|saslprep)\\.ts$)",
      },
    },
    {
      name: "parse-uses-errors-and-checks",
      comment:
        "It parses without a session. Checks of arguments and the way to listen to a signal are alike everywhere.",
      severity: "error",
      from: { path: "^src/parse/" },
      to: { path: "^src/", pathNot: "^src/parse/|^src/(errors|options/checks|net/abort)\\.ts$" },
    },
    {
      name: "oauth2-uses-errors-and-checks",
      comment:
        "It asks token servers, and knows no mail. Checks of options, time limits and text that is safe to print are alike everywhere.",
      severity: "error",
      from: { path: "^src/oauth2/" },
      to: {
        path: "^src/",
        pathNot:
          "^src/oauth2/|^src/(index|errors|options/(auth|call|checks|duration)|net/(abort|retry-after|settle)|protocol/(foreign-error|printable|secrets))\\.ts$",
      },
    },
    {
      name: "node-pop3-uses-the-client",
      comment:
        "It is another interface of the client. Checks of options are alike everywhere. The command line is above it.",
      severity: "error",
      from: { path: "^src/node-pop3/" },
      to: {
        path: "^src/",
        pathNot:
          "^src/(cli/|node-pop3/|(client|errors|index)\\.ts$|options/(auth|checks|client)\\.ts$|protocol/(message-number|printable|reply)\\.ts$)",
      },
    },
    {
      name: "nothing-uses-the-other-entries",
      comment: "They are entries of their own; only the command line puts them together with the rest.",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/cli/", ...besides] },
      to: { path: besides },
    },
    {
      name: "protocol-and-auth-are-pure",
      comment:
        "Octets and values in, octets and values out: of Node they need buffers, and digests by system/crypto.",
      severity: "error",
      from: { path: "^src/(protocol|auth)/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(buffer|util)$" },
    },
    {
      name: "protocol-and-auth-know-no-clock",
      comment: "Nor chance, but for what is secret.",
      severity: "error",
      from: { path: "^src/(protocol|auth)/" },
      to: { path: "^src/system/", pathNot: "^src/system/crypto\\.ts$" },
    },
    {
      name: "fetch-plan-is-pure",
      comment: "What to do with the mail is decided from values alone. Of Node it needs digests.",
      severity: "error",
      from: { path: "^src/fetch/plan/" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(buffer|crypto)$" },
    },
    {
      name: "fetch-plan-uses-values",
      severity: "error",
      from: { path: "^src/fetch/plan/" },
      to: {
        path: "^src/",
        pathNot:
          "^src/(fetch/plan/|fetch/ledger/(ledger|another-try)\\.ts$|options/(checks|duration)\\.ts$|protocol/)",
      },
    },
    {
      name: "ledger-and-destinations-know-no-run",
      comment: "They stand on fetch/files, and none of them knows who uses it. A store is both.",
      severity: "error",
      from: {
        path: "^src/(fetch/(ledger|destinations)|store|sqlite|postgres|redis)/",
        pathNot: "^src/(sqlite|postgres|redis)/index\\.ts$",
      },
      to: { path: "^src/fetch/(run/|[^/]+\\.ts$)" },
    },
    {
      name: "stores-know-no-other-store",
      comment: "Each is an entry of its own. What they share is in store/.",
      severity: "error",
      from: { path: "^src/(sqlite|postgres|redis)/" },
      to: { path: "^src/(sqlite|postgres|redis)/", pathNot: "^src/$1/" },
    },
    {
      name: "fetch-files-know-no-mail",
      severity: "error",
      from: { path: "^src/fetch/files/" },
      to: { path: "^src/fetch/(?!files/)" },
    },
    {
      name: "protocol-needs-no-package",
      severity: "error",
      from: { path: "^src/protocol/" },
      to: { path: "node_modules/" },
    },
    {
      name: "sockets-in-net-and-testing",
      comment: "Elsewhere their types at most. `popwright login` waits on loopback for the browser.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/((net|testing)/|cli/login/redirect-server\\.ts$)" },
      to: { path: sockets, dependencyTypesNot: types },
    },
    {
      name: "files-in-fetch-files",
      comment:
        "Ledger and destinations reach them there alone, so that a test can put another disk in their place. The command line is a program of its own, and SQLite has its own way to files.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(cli/|fetch/files/|sqlite/database\\.ts$)" },
      to: { path: files, dependencyTypesNot: types },
    },
    {
      name: "no-undeclared-package",
      comment:
        "What runs at the user's is in `dependencies`, or an optional peer. The build bundles jsonc-parser into the command line.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cli/json-lines\\.ts$" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: [...types, "npm-peer"],
      },
    },
    {
      name: "packages-are-loaded-late",
      comment:
        "They are large, and few need them. `debug` is small, and always there. imapflow.ts becomes a file that is loaded late.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cli/(fetch/places/imapflow|json-lines)\\.ts$" },
      to: {
        path: "node_modules/",
        pathNot: "node_modules/debug/",
        dynamic: false,
        dependencyTypesNot: types,
      },
    },
    {
      name: "nothing-outside-src",
      severity: "error",
      from: { path: "^src/" },
      to: { pathNot: ["^src/", "node_modules/"], dependencyTypesNot: ["core"], couldNotResolve: false },
    },
    {
      name: "examples-use-the-entries",
      comment: "An example is what a user can write.",
      severity: "error",
      from: { path: "^examples/" },
      to: {
        path: "^src/",
        pathNot: [
          "^src/index\\.ts$",
          "^src/(bullmq|fetch|node-pop3|oauth2|parse|postgres|redis|sqlite|testing)/index\\.ts$",
        ],
      },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-missing-files",
      comment: "These examples have packages of their own, which need not be installed.",
      severity: "error",
      from: { pathNot: "^examples/(fleet|with-packages)/" },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // An import of types is an arrow too.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};
