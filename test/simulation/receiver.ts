// A receiver of mail outside the simulated machine: a function may hand a message to it, or a request. It knows the keys
// of all messages that it has.
import type { Keeper } from "./keeper.ts";
import type { Mail } from "./mail.ts";
import { Violation } from "./violation.ts";

export class Receiver implements Keeper {
  readonly isRepaired = false;
  readonly #kept: Map<string, string> = new Map();
  readonly #broken: (violation: Violation) => void;

  /** `broken`: called if a message comes with the key of another one. */
  constructor(broken: (violation: Violation) => void) {
    this.#broken = broken;
  }

  /** Keeps a message, unless it has its key. */
  take(key: string, octets: Buffer): "new" | "known" {
    const text = octets.toString("latin1");
    const before = this.#kept.get(key);
    if (before === undefined) {
      this.#kept.set(key, text);
      return "new";
    }
    if (before !== text)
      this.#broken(new Violation("a key names one message", `${key}: ${JSON.stringify(text.slice(0, 60))}`));
    return "known";
  }

  has(key: string): boolean {
    return this.#kept.has(key);
  }

  messages(): string[] {
    return [...this.#kept.values()];
  }

  form(text: string): string {
    return text;
  }

  isDurable({ content, keys }: Mail): boolean {
    return content !== undefined && keys.some((key) => this.#kept.get(key) === content);
  }

  others(): string[] {
    return [];
  }
}
