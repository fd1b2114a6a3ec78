// Runs cases through curl: all of them in one process, with one connection for each user.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { inDirectory, removeDirectory } from "../../servers/directory.ts";
import { notInstalled, run } from "../../servers/tool.ts";
import type { Outcome } from "../../support/exchange.ts";
import type { Stage, Task } from "./stage.ts";

/** Seconds, for what hangs. */
const TIMEOUT = 30;

export async function curlVersion(): Promise<string> {
  const [line = ""] = (await run(["curl", "--version"])).split("\n");
  return line.split(" ").slice(0, 2).join(" ");
}

/** The outcomes of each task's lines. Those of one user come over one connection, as long as it lives. */
export function curlOutcomes({ password }: Stage, tasks: readonly Task[]): Promise<Outcome[][]> {
  return inDirectory("curl", async (directory) => {
    const transfers = tasks.flatMap((task) => task.lines.map((line) => ({ task, line })));
    const config = transfers.map(({ task, line }, index) =>
      transfer(task, line, password, join(directory, String(index))),
    );
    const codes = (await curl(config.join("next\n"))).split("\n");
    const all = await Promise.all(
      transfers.map(async ({ line }, index) =>
        codes[index] === "0" ? received(line, join(directory, String(index))) : null,
      ),
    );
    await removeDirectory(directory);
    return tasks.map(({ lines }) => all.splice(0, lines.length));
  });
}

/** What is asked for, in the form of curl's configuration files. */
function transfer({ port, user }: Task, line: string, password: string, file: string): string {
  const [verb, number = ""] = line.split(" ");
  return [
    "silent",
    `max-time = ${TIMEOUT}`,
    `url = "pop3://${user}:${password}@127.0.0.1:${port}/${number}"`,
    `output = "${file}"`,
    `dump-header = "${file}.lines"`,
    `write-out = "%{exitcode}\\n"`,
    ...(verb === "UIDL" ? ['request = "UIDL"'] : []),
    // Answered by one line, which is a header to curl.
    ...(verb === "STAT" || verb === "NOOP" ? [`request = "${verb}"`, "head"] : []),
    "",
  ].join("\n");
}

/** Resolves with what curl writes. Its exit code is ignored: it describes one of the transfers only. */
async function curl(config: string): Promise<string> {
  // First of all: no configuration but this one.
  const args = ["--disable", "--noproxy", "*", "--config", "-"];
  const child = spawn("curl", args, { stdio: ["pipe", "pipe", "ignore"] });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  child.stdin.on("error", () => undefined).end(config);
  try {
    const [, output] = await Promise.all([ended, text(child.stdout)]);
    return output;
  } catch (cause) {
    throw notInstalled("curl", cause) ?? cause;
  }
}

async function received(line: string, file: string): Promise<Outcome> {
  if (line === "NOOP") return "";
  if (line !== "STAT") return readFile(file, "latin1");
  const lines = await readFile(`${file}.lines`, "latin1");
  return /\+OK ?([^\n]*?)\r?\n$/.exec(lines)?.[1] ?? null;
}
