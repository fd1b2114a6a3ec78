// PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`. The authorization identity must be empty or the user
// name.
import { EMPTY, type ServerMechanism } from "./mechanism.ts";

const NUL = 0;

export const plain: ServerMechanism = {
  name: "PLAIN",
  initialResponse: true,
  *exchange(accounts) {
    const response = yield EMPTY;
    const first = response.indexOf(NUL);
    const second = response.indexOf(NUL, first + 1);
    if (first === -1 || second === -1 || response.includes(NUL, second + 1)) return undefined;
    const authorize = response.toString(accounts.charset, 0, first);
    const name = response.toString(accounts.charset, first + 1, second);
    if (authorize !== "" && authorize !== name) return undefined;
    return accounts.verify(name, response.toString(accounts.charset, second + 1));
  },
};
