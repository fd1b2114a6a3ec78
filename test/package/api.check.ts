// The public API of each entry, as a report in etc/: a change to it is seen in review, and never happens by accident.
// `npm run api` writes the reports again.
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENTRIES } from "./entries.ts";

const root = join(import.meta.dirname, "../..");

test.each(ENTRIES)("the report of the entry %s", async (entry) => {
  const folder = await mkdtemp(join(tmpdir(), "popwright-api-"));
  try {
    const prepared = ExtractorConfig.prepare({
      configObject: {
        projectFolder: root,
        mainEntryPointFilePath: join(root, `dist/${entry}.d.ts`),
        compiler: { tsconfigFilePath: join(root, "tsconfig.json") },
        newlineKind: "lf",
        apiReport: {
          enabled: true,
          reportFileName: `${entry}.api.md`,
          reportFolder: folder,
          reportTempFolder: join(folder, "temp"),
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        messages: {
          compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
          // What is wrong with the API stands in the report; TSDoc is stricter than the doc comments are meant to be.
          extractorMessageReporting: {
            default: { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
            "ae-missing-release-tag": { logLevel: ExtractorLogLevel.None },
            "ae-undocumented": { logLevel: ExtractorLogLevel.None },
            "ae-unresolved-link": { logLevel: ExtractorLogLevel.None },
          },
          tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        },
      },
      configObjectFullPath: undefined,
      packageJsonFullPath: join(root, "package.json"),
    });
    const errors: string[] = [];
    const forgotten: string[] = [];
    Extractor.invoke(prepared, {
      localBuild: true,
      messageCallback(message) {
        if (message.logLevel === ExtractorLogLevel.Error) errors.push(message.text);
        if (message.messageId === "ae-forgotten-export") forgotten.push(message.text);
        message.handled = true;
      },
    });
    expect(errors).toEqual([]);
    // Every type that a signature mentions can be imported.
    expect(forgotten).toEqual([]);
    const report = await readFile(join(folder, `${entry}.api.md`), "utf8");
    await expect(report).toMatchFileSnapshot(join(root, `etc/${entry}.api.md`));
  } finally {
    await rm(folder, { recursive: true });
  }
});
