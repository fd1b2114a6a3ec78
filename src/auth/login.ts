// LOGIN (draft-murchison-sasl-login): two prompts, whatever they say; the first is for the user.
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
          throw new Pop3Error("POP3_AUTH_PROTOCOL", "the server asks for more than user name and password");
        }
        return answer;
      },
    };
  },
};
