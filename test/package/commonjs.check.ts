// examples/commonjs.cjs runs as it is, from what the build made.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";

const root = join(import.meta.dirname, "../..");

test("examples/commonjs.cjs lists subjects, and reports an error by its code", async () => {
  const directory = await mkdtemp(join(tmpdir(), "popwright-commonjs-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await using server = await Pop3Server.listen({
    users: { ann: { pass: "secret", messages: ["Subject: =?utf-8?Q?=C3=A9?=\r\n\r\n1\r\n", "\r\n2\r\n"] } },
    tls: true,
  });
  const ca = join(directory, "ca.pem");
  await writeFile(ca, server.ca);
  const run = (pass: string): Promise<{ readonly stdout: string }> =>
    promisify(execFile)(process.execPath, [join(root, "examples/commonjs.cjs")], {
      env: {
        ...process.env,
        POP3_URL: `pop3s://ann:${pass}@${server.host}:${server.port}`,
        NODE_EXTRA_CA_CERTS: ca,
      },
    });
  expect((await run("secret")).stdout).toBe("1 é\n2 (no subject)\n");
  await expect(run("wrong")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^POP3_AUTH_REJECTED: /) as unknown,
  });
});
