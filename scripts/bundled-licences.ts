// Writes the licences of the packages that a build bundles: their authors ask for that.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Options } from "tsup";

/** A plugin that writes the licences of all bundled packages into the file `path`. */
export function bundledLicences(path: string): NonNullable<Options["esbuildPlugins"]>[number] {
  return {
    name: "bundled-licences",
    setup(build) {
      build.initialOptions.metafile = true;
      build.onEnd(({ metafile }) => {
        const inputs = Object.values(metafile?.outputs ?? {}).flatMap((output) => Object.keys(output.inputs));
        const text = licencesOf(inputs);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
      });
    },
  };
}

/** Returns the licences of the packages to which these files belong. Throws if a package has none. */
function licencesOf(files: readonly string[]): string {
  const folders = new Set(files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]));
  const texts = [...folders]
    .filter((folder) => folder !== undefined)
    .sort()
    .map(licenceIn);
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

function licenceIn(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, "package.json"), "utf8"),
  ) as Readonly<Record<string, string>>;
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined || !existsSync(join(folder, file))) throw new Error(`${folder} has no licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}
