// The files of examples/service: both services run the same command, it works, and docs/service.md shows the same files.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): Promise<string> => readFile(join(root, path), "utf8");

/** Gives a file without the comment at its beginning. */
async function bodyOf(name: string): Promise<string> {
  return (await read(`examples/service/${name}`)).replace(/^(?:(?:#|\/\/).*\n)+/, "");
}

/** The words after `popwright`. */
async function commands(): Promise<string[][]> {
  const [, exec = ""] =
    /^ExecStart=\/usr\/bin\/env popwright (.*)$/m.exec(await bodyOf("popwright.service")) ?? [];
  const [, cmd = "[]"] = /^CMD (.*)$/m.exec(await bodyOf("Dockerfile")) ?? [];
  return [exec.split(" "), JSON.parse(cmd) as string[]];
}

test("the command of both services fetches mail, and ends on SIGTERM", async () => {
  const directory = await mkdtemp(join(tmpdir(), "popwright-service-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const messages = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"];
  await using server = await Pop3Server.listen({
    users: { "ann@example.com": { pass: "secret", messages } },
    tls: true,
  });
  await writeFile(join(directory, "ca.pem"), server.ca);
  const settings = await read("examples/service/popwright.json");
  const file = join(directory, "popwright.json");
  await writeFile(
    file,
    settings
      .replaceAll("/var/lib/popwright", directory.replaceAll("\\", "/"))
      .replace("pop.example.com", `${server.host}:${server.port}`),
  );
  const [ofUnit = [], ofContainer = []] = await commands();
  expect(ofUnit).toEqual(ofContainer);
  const words = ofUnit.map((word) => (word === "/etc/popwright/popwright.json" ? file : word));
  expect(words).toContain(file);
  const child = spawn(process.execPath, [join(root, "dist/cli.js"), ...words], {
    env: {
      ...process.env,
      POPWRIGHT_PASSWORD: "secret",
      NODE_EXTRA_CA_CERTS: join(directory, "ca.pem"),
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const closed = new Promise((resolve) => child.once("close", resolve));
  let told = "";
  for await (const piece of child.stderr.setEncoding("utf8")) {
    told += String(piece);
    // Once: a second signal would end it at once.
    if (!child.killed) child.kill("SIGTERM");
  }
  expect(told.split("\n")[0]).toBe("ann: 2 messages delivered, 38 B");
  expect(await closed).toBe(0);
  expect(await readdir(join(directory, "Maildir/new"))).toHaveLength(2);
});

test.each(["popwright.service", "Dockerfile", "compose.yaml", "popwright.json"])(
  "docs/service.md shows %s",
  async (name) => {
    expect(await read("docs/service.md")).toContain(`\n${await bodyOf(name)}\`\`\`\n`);
  },
);
