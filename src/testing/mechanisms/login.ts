// LOGIN (draft-murchison-sasl-login): prompts for name and password. Many clients send the name as initial
// response.
import type { ServerMechanism } from "./mechanism.ts";

export const login: ServerMechanism = {
  name: "LOGIN",
  initialResponse: true,
  *exchange(accounts) {
    const name = yield Buffer.from("Username:", "latin1");
    const pass = yield Buffer.from("Password:", "latin1");
    return accounts.verify(name.toString(accounts.charset), pass.toString(accounts.charset));
  },
};
