// Makes the API pages from the doc comments: one module for each entry of the package. What is not documented is an error.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Converter, ReflectionKind } from "typedoc";

const root = join(import.meta.dirname, "..");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** `./fetch` is `src/fetch/index.ts`. */
// The entry that declares a type comes first: the others refer to it.
const entryPoints = [...new Set([".", "./fetch", ...Object.keys(exports)])]
  .map((name) => join(root, "src", name, "index.ts"))
  .filter((path) => existsSync(path));

/** Names the modules as programs import them: `popwright/fetch`. */
function importNames(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module))
      module.name = module.name === "index" ? "popwright" : `popwright/${module.name}`;
  });
}

export default {
  entryPoints,
  tsconfig: join(import.meta.dirname, "tsconfig.api.json"),
  plugin: ["typedoc-plugin-markdown", "typedoc-vitepress-theme", importNames],
  out: "generated/api",
  docsRoot: "generated",
  name: "popwright",
  entryFileName: "index",
  readme: "none",
  router: "member",
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  disableSources: true,
  excludeReferences: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: "list",
  interfacePropertiesFormat: "list",
  classPropertiesFormat: "list",
  propertyMembersFormat: "list",
  typeAliasPropertiesFormat: "list",
  enumMembersFormat: "list",
  typeDeclarationFormat: "list",
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: [
    "Enum",
    "EnumMember",
    "Variable",
    "Function",
    "Class",
    "Interface",
    "Property",
    "Method",
    "Accessor",
    "TypeAlias",
  ],
  // The type that it is made into is documented: the names of the units.
  intentionallyNotExported: ["UNITS"],
  treatValidationWarningsAsErrors: true,
  logLevel: "Info",
};
