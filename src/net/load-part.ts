// Loads a part of the package that not every program needs, when it is first used.
import { Pop3Error } from "../errors.ts";

/** Calls `load`, which is a dynamic import. Rejects with `POP3_NOT_SUPPORTED` if the part is not there. */
export async function loadPart<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new Pop3Error(
      "POP3_NOT_SUPPORTED",
      "a part of popwright cannot be loaded: install the package again, and deploy all files that your bundler writes",
      { cause },
    );
  }
}
