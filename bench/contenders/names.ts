// The names of the clients, without their code, for the measuring process. The limits come first, then
// popwright.

export const LIMITS: readonly string[] = ["drain", "scan"];
export const PEERS: readonly string[] = ["node-pop3", "yapople", "poplib", "mailpop3"];
