// A message that has arrived completely, on its way to its name. What fails on this way fails its commit alone.
import type { ArrivingFile } from "./arriving-file.ts";
import type { Result } from "./gathering.ts";
import type { SpoolFile } from "./spool-file.ts";

export class CompleteMessage {
  readonly key: string;
  /** The name that its file gets. */
  readonly path: string;
  readonly octets: number;
  readonly #arrived: ArrivingFile;
  /** Settles when its content will survive a crash, or cannot. */
  readonly stored: Promise<void>;
  #file: SpoolFile | undefined;
  #isTaken = false;
  #outcome: "new" | "known" = "new";
  #failure: { readonly error: unknown } | undefined;

  /** Begins to store the content. */
  constructor(key: string, path: string, arrived: ArrivingFile) {
    this.key = key;
    this.path = path;
    this.octets = arrived.octets;
    this.#arrived = arrived;
    this.stored = this.#try(async () => void (this.#file = await arrived.store()));
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Fails the commit, unless it has failed already. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Gives the stored file its name, unless the message is elsewhere, or something else has the name. */
  async name(isElsewhere: ((key: string) => Promise<boolean>) | undefined): Promise<void> {
    await this.#try(async () => {
      if (await isElsewhere?.(this.key)) this.#outcome = "known";
      else this.#isTaken = (await this.#file?.link(this.path)) === false;
    });
  }

  /** Decides about a name that is taken. For two messages with the same name, calls must not overlap. */
  async nameTaken(): Promise<void> {
    if (!this.#isTaken) return;
    await this.#try(async () => {
      if ((await this.#file?.replaceEmpty(this.path)) === false) this.#outcome = "known";
    });
  }

  /** Removes the file in the spool directory. Never rejects. */
  tidy(): Promise<void> {
    return this.#arrived.discard();
  }

  /** What becomes of the commit. */
  get result(): Result {
    if (this.#failure !== undefined) return { status: "rejected", reason: this.#failure.error };
    return { status: "fulfilled", value: this.#outcome };
  }

  async #try(work: () => Promise<void>): Promise<void> {
    if (this.hasFailed) return;
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  }
}
