// `npm run licences`: what a user installs with popwright, and under which licences; with what the build bundles, whose
// licences it writes into the package; and what the examples with packages of their own install. Fails if one is not permissive, or not known. `--sbom FILE` writes the bill of materials (CycloneDX) of these packages.
import { execSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** A user may do with them what the licence of popwright allows. */
const PERMISSIVE = "MIT MIT-0 ISC BSD-2-Clause BSD-3-Clause Apache-2.0 0BSD BlueOak-1.0.0".split(" ");

interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string };
    readonly expression?: string;
  }[];
}

interface Bom {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** The packages that the build bundles, with what they need (tsup.config.ts). */
const BUNDLED: readonly string[] = ["imapflow", "jsonc-parser"];

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly dependencies: Readonly<Record<string, string>>;
};

/** With all development tools: `--omit=dev` would leave out what both a tool and popwright need. */
const bom = JSON.parse(
  execSync("npm sbom --sbom-format=cyclonedx --workspaces=false --include-workspace-root", {
    cwd: root,
    encoding: "utf8",
    maxBuffer: Infinity,
  }),
) as Bom;

/** The packages with these names, and all that they need. */
function withAllOf(names: readonly string[]): Component[] {
  const dependsOn = new Map(bom.dependencies.map((each) => [each.ref, each.dependsOn]));
  const found = new Set<string>();
  const walk = (ref: string): void => {
    if (found.has(ref)) return;
    found.add(ref);
    dependsOn.get(ref)?.forEach(walk);
  };
  const own = dependsOn.get(bom.metadata.component["bom-ref"]) ?? [];
  bom.components
    .filter((each) => own.includes(each["bom-ref"]) && names.includes(each.name))
    .forEach((each) => {
      walk(each["bom-ref"]);
    });
  return bom.components.filter((each) => found.has(each["bom-ref"]));
}

/** An expression is permissive if one of its choices is, and all parts of that choice are. */
function isPermissive(text: string): boolean {
  const choices = text.replace(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((id) => PERMISSIVE.includes(id)));
}

/** Returns the licence of a package; "" if it is not known. */
function licenceOf({ licenses: [licence] = [] }: Component): string {
  return licence?.expression ?? licence?.license?.id ?? "";
}

/** The packages of an example that has its own, without its development tools. The lock file has their licences. */
function packagesOf(example: string): { readonly name: string; readonly licence: string }[] {
  const lock = JSON.parse(readFileSync(join(root, "examples", example, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly license?: string; readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev = false }]) => path !== "" && !dev)
    .map(([path, { license = "" }]) => ({ name: path.replace(/^.*node_modules\//, ""), licence: license }));
}

const dependencies = Object.keys(manifest.dependencies);
const direct = [...dependencies, ...BUNDLED];
const installed = withAllOf(dependencies);
const packages = withAllOf(direct);
const missing = direct.filter((name) => !packages.some((each) => each.name === name));
if (missing.length > 0) throw new Error(`npm sbom does not list ${missing.join(", ")}: run npm ci`);
const ofExamples = ["fleet", "with-packages"].flatMap(packagesOf);
const all = [...packages.map((each) => ({ name: each.name, licence: licenceOf(each) })), ...ofExamples];
const wrong = all.filter(({ licence }) => !isPermissive(licence));
for (const { name, licence } of wrong)
  console.error(`${name}: "${licence}" is not in the list of permissive licences`);
console.log(
  `${installed.length} packages are installed with popwright, ${packages.length - installed.length} more are in what the build bundles, ${ofExamples.length} are those of examples; ${wrong.length} of them are under another licence`,
);
if (wrong.length > 0) process.exitCode = 1;

const { sbom } = parseArgs({ options: { sbom: { type: "string" } } }).values;
if (sbom !== undefined) {
  const refs = packages.map((each) => each["bom-ref"]);
  const own = packages.filter(({ name }) => direct.includes(name)).map((each) => each["bom-ref"]);
  const graph = [
    { ref: bom.metadata.component["bom-ref"], dependsOn: own },
    ...bom.dependencies.filter(({ ref }) => refs.includes(ref)),
  ];
  writeFileSync(sbom, `${JSON.stringify({ ...bom, components: packages, dependencies: graph }, null, 2)}\n`);
}
