// Checks paths for names that Windows does not allow, although other systems do.
import { win32 } from "node:path";
import { DestinationError } from "./destination-error.ts";
import { printable } from "../../protocol/printable.ts";

const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
const CHARACTER = /[<>:"|?*\u0000-\u001f]/;

/**
 * Throws a {@link DestinationError} on Windows if a part of the path cannot be a file name there. Without
 * this check, `ann@pop.example.com:995` would be a hidden stream of another file, because the name of the
 * mailbox has a colon, and `nul.mbox` would be a device that stores nothing.
 */
export function checkPath(path: string, isWindows: boolean = process.platform === "win32"): void {
  const fault = isWindows ? faultOf(path) : undefined;
  if (fault === undefined) return;
  throw new DestinationError(
    `Windows does not allow the path ${printable(JSON.stringify(path))}: ${printable(fault)}`,
    {
      down: true,
    },
  );
}

function faultOf(path: string): string | undefined {
  const names = path.slice(win32.parse(path).root.length).split(/[/\\]+/);
  for (const name of names) {
    const [character] = CHARACTER.exec(name) ?? [];
    if (character !== undefined)
      return `replace ${JSON.stringify(character)} in the name, for example with "-"`;
    if (DEVICE.test(name)) return `"${name}" is the name of a device: add something before it`;
    if (/[. ]$/.test(name) && name !== "." && name !== "..")
      return "a name must not end with a dot or a space";
  }
  return undefined;
}
