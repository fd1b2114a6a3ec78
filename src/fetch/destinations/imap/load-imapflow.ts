// Loads imapflow, an optional peer dependency, when the first connection is opened.
import { DestinationError } from "../destination-error.ts";

type ImapFlowPackage = Pick<typeof import("imapflow"), "ImapFlow">;

let load: () => Promise<ImapFlowPackage> = () => import("imapflow");

/** Takes another copy of the package from now on: the command line has its own, so that it works without an installation. */
export function useImapFlow(copy: () => Promise<ImapFlowPackage>): void {
  load = copy;
}

/** Rejects with {@link DestinationError} if the package is not installed. */
export async function loadImapFlow(): Promise<ImapFlowPackage> {
  try {
    return await load();
  } catch (cause) {
    throw new DestinationError('ImapAppend needs the package "imapflow": npm install imapflow', {
      cause,
      down: true,
    });
  }
}
