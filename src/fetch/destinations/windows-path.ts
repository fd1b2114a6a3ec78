// What Windows does not allow in the name of a file, although other systems do.
import { win32 } from "node:path";
import { DestinationError } from "./destination-error.ts";

const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
const CHARACTER = /[<>:"|?*\u0000-\u001f]/;

/**
 * Throws a {@link DestinationError} on Windows if a part of the path cannot be a file's name there. Without this,
 * `ann@pop.example.com:995` would be a hidden stream of another file (the name of a mailbox has a colon), and `nul.mbox`
 * a device that keeps nothing.
 */
export function checkPath(path: string, isWindows: boolean = process.platform === "win32"): void {
  const fault = isWindows ? faultOf(path) : undefined;
  if (fault === undefined) return;
  throw new DestinationError(`Windows has no file ${JSON.stringify(path)}: ${fault}`, { down: true });
}

function faultOf(path: string): string | undefined {
  const names = path.slice(win32.parse(path).root.length).split(/[/\\]+/);
  for (const name of names) {
    const [character] = CHARACTER.exec(name) ?? [];
    if (character !== undefined)
      return `replace ${JSON.stringify(character)} in the name, for example by "-"`;
    if (DEVICE.test(name)) return `"${name}" is the name of a device: add something before it`;
    if (/[. ]$/.test(name) && name !== "." && name !== "..") return "a name cannot end with a dot or a space";
  }
  return undefined;
}
