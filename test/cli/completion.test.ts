// The completion of the shells knows every command and every option.
import { expect, test } from "vitest";
import { Terminal } from "./terminal.ts";

async function scriptOf(shell: string): Promise<string> {
  const terminal = new Terminal();
  expect(await terminal.run("completion", shell)).toBe(0);
  return terminal.out;
}

test("bash has a line for each command", async () => {
  const script = await scriptOf("bash");
  expect(script).toContain('    list) words="');
  expect(script).toMatch(/^ {4}show\) words=.*--password-file/m);
  expect(script).toMatch(/^ {4}--format\) .*mbox/m);
  expect(script.trimEnd()).toMatch(/complete -o filenames -F _popwright popwright$/);
});

test("zsh has a line for each command", async () => {
  const script = await scriptOf("zsh");
  for (const name of ["check", "list", "show", "get", "fetch", "retry", "ledger", "login", "serve"]) {
    expect(script).toContain(`    '${name}:`);
    expect(script).toContain(`    ${name}) compadd -- `);
  }
});

test("another shell is refused, and a sentence names those that exist", async () => {
  const terminal = new Terminal();
  expect(await terminal.run("completion", "fish")).toBe(64);
  expect(terminal.words).toContain('there is no completion for "fish": SHELL must be bash or zsh');
});
