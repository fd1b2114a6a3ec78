// What a server's words are known to mean: rows of a table, tried from the top, the first that matches counts.

/** Where in a session the words come. */
export type Stage = "greeting" | "login" | "listing" | "message";

type Kind =
  | "credentials"
  | "switched-off"
  | "oauth-needed"
  | "too-often"
  | "locked"
  | "temporary"
  | "protocol"
  | "tls"
  | "idle";

export interface KnownText {
  readonly id: string;
  /** Is matched against what stands behind `-ERR`, response code included. */
  readonly pattern: RegExp;
  readonly at: Stage | "anywhere";
  /** Whose words they are, where only one has them. */
  readonly who?: string;
  readonly kind: Kind;
  readonly cause: string;
  readonly advice: string;
  /** Whether the same may work later, without anybody changing anything. */
  readonly passes: boolean;
}
