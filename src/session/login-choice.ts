// Chooses how to log in, from the options of the caller and from the facts about server and connection.
import type { TLSSocket } from "node:tls";
import { DEFAULT_SCRAM, secretKind, wishedMechanisms, type Pop3Auth } from "../options/auth.ts";
import { chooseMethod, type Method } from "../auth/choice.ts";
import type { SaslContext } from "../auth/mechanism.ts";
import { bindingTypesOf, channelBinding } from "../net/channel-binding.ts";
import { withDefaults } from "../options/checks.ts";
import type { Settings } from "../options/client.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";

export interface KnownOfServer {
  readonly settings: Settings;
  /** The capabilities; `undefined` if the server does not support CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** The TLS socket; `undefined` without TLS. */
  readonly socket: TLSSocket | undefined;
  /** Whether the greeting has a timestamp that APOP may use. */
  readonly timestamp: boolean;
  /** What no error may show. */
  readonly secrets: Secrets;
}

/** Returns the method to log in with. Throws as `chooseMethod` does. */
export function methodFor(auth: Pop3Auth, known: KnownOfServer): Method {
  const { settings, capabilities, socket, timestamp, secrets } = known;
  return chooseMethod(
    { capabilities, secure: socket !== undefined, timestamp, bindable: isBindable(auth, known), secrets },
    {
      mechanisms: wishedMechanisms(auth),
      secret: secretKind(auth),
      authzid: (auth.authzid ?? "") !== "",
      allowPlaintext: settings.allowPlaintextAuth,
      force: auth.force ?? false,
      channelBinding: auth.channelBinding ?? "if-offered",
    },
  );
}

function isBindable(auth: Pop3Auth, known: KnownOfServer): boolean {
  const context = saslContextFor(auth, known);
  return context.bindingTypes.some((type) => context.channelBinding(type) !== undefined);
}

/** Returns the facts about the connection that a SASL mechanism may use. */
export function saslContextFor(auth: Pop3Auth, known: KnownOfServer): SaslContext {
  const { settings, capabilities, socket, secrets } = known;
  const bindable = auth.channelBinding === "never" ? undefined : socket;
  return {
    host: settings.host,
    port: settings.port,
    secure: socket !== undefined,
    offered: capabilities?.sasl ?? [],
    bindingTypes: bindable === undefined ? [] : (auth.bindingTypes ?? bindingTypesOf(bindable)),
    channelBinding: (type) => bindable && channelBinding(bindable, type),
    scram: withDefaults("auth.scram", DEFAULT_SCRAM, auth.scram),
    printable: (text) => printable(text, secrets),
  };
}
