// Who takes part in what: the names alone, for the side that measures. The limits come first, then popwright.

export const LIMITS: readonly string[] = ["drain", "scan"];
export const PEERS: readonly string[] = ["node-pop3", "yapople", "poplib", "mailpop3"];
