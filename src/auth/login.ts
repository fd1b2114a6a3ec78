// LOGIN (draft-murchison-sasl-login): answers two prompts with the user name and the password. It ignores
// their text.
import { Pop3Error } from "../errors.ts";
import type { SaslMechanism } from "./mechanism.ts";

export const login: SaslMechanism = {
  name: "LOGIN",
  cleartext: true,
  authzid: false,
  start({ user, pass, encode }) {
    const answers = [encode(user), encode(pass)];
    return {
      promptsOnly: true,
      respond() {
        const answer = answers.shift();
        if (answer === undefined) {
          throw new Pop3Error(
            "POP3_AUTH_PROTOCOL",
            "unexpected challenge: the server already has user name and password",
          );
        }
        return answer;
      },
    };
  },
};
