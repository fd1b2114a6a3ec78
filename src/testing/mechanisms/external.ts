// EXTERNAL (RFC 4422 appendix A): the client's TLS certificate identifies the user.
import { EMPTY, type ServerMechanism } from "./mechanism.ts";

export const external: ServerMechanism = {
  name: "EXTERNAL",
  initialResponse: true,
  available: (tls) => tls?.clientName !== undefined,
  *exchange(accounts, { tls }) {
    const authorize = (yield EMPTY).toString("utf8");
    const account = accounts.certified(tls?.clientName ?? "");
    if (account === undefined) return "[AUTH] no user has this certificate";
    return authorize === "" || accounts.find(authorize) === account ? account : undefined;
  },
};
