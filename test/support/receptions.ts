/** The reception of one message without a session: the test gives it the bytes itself. */
import type { Connection } from "../../src/net/connection.ts";
import { Reception } from "../../src/session/reception.ts";
import type { Session } from "../../src/session/session.ts";

const ignore = (): void => undefined;
const NO_CONNECTION = { submit: ignore, want: ignore, abandon: ignore, resume: ignore };

interface Given {
  /** The most octets of a message in memory. @default Infinity */
  readonly limit?: number;
  /** The size in LIST. */
  readonly announced?: number | undefined;
  /** Where the command goes. @default nowhere */
  readonly connection?: Connection;
}

export function receptionOf({ limit = Infinity, announced, connection }: Given = {}): Reception {
  const session: unknown = {
    id: "test",
    settings: { limits: { message: limit } },
    connection: connection ?? NO_CONNECTION,
    check: ignore,
  };
  const sizes = announced === undefined ? undefined : new Map([[1, announced]]);
  return new Reception({ session: session as Session, sizes }, 1);
}
