// TLS options for a client that resumes no TLS session of another client. Options of equal values share sessions.
import { checkServerIdentity, type ConnectionOptions } from "node:tls";

/** Adds a function of its own that checks the name as Node does: functions are compared by identity. */
export function ownTls(tls: ConnectionOptions): ConnectionOptions {
  return { ...tls, checkServerIdentity: (name, certificate) => checkServerIdentity(name, certificate) };
}
