// What a login starts from: the wishes of the caller, and what is known of the server and of the connection.
import type { TLSSocket } from "node:tls";
import { DEFAULT_SCRAM, secretKind, wishedMechanisms, type Pop3Auth } from "../options/auth.ts";
import { chooseMethod, type Method } from "../auth/choice.ts";
import type { SaslContext } from "../auth/mechanism.ts";
import { bindingTypesOf, channelBinding } from "../net/channel-binding.ts";
import { withDefaults } from "../options/checks.ts";
import type { Settings } from "../options/client.ts";
import type { Capabilities } from "../protocol/capabilities.ts";

export interface KnownOfServer {
  readonly settings: Settings;
  /** What CAPA said, or `undefined` where the server knows no CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** The TLS connection, where there is one. */
  readonly socket: TLSSocket | undefined;
  /** The greeting has a timestamp that APOP may use. */
  readonly timestamp: boolean;
}

/** The method to log in with. Throws as `chooseMethod` does. */
export function methodFor(auth: Pop3Auth, known: KnownOfServer): Method {
  const { settings, capabilities, socket, timestamp } = known;
  return chooseMethod(
    { capabilities, secure: socket !== undefined, timestamp, bindable: isBindable(auth, known) },
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

/** What its mechanism may know of the connection. */
export function saslContextFor(auth: Pop3Auth, known: KnownOfServer): SaslContext {
  const { settings, capabilities, socket } = known;
  const bindable = auth.channelBinding === "never" ? undefined : socket;
  return {
    host: settings.host,
    port: settings.port,
    secure: socket !== undefined,
    offered: capabilities?.sasl ?? [],
    bindingTypes: bindable === undefined ? [] : (auth.bindingTypes ?? bindingTypesOf(bindable)),
    channelBinding: (type) => bindable && channelBinding(bindable, type),
    scram: withDefaults("auth.scram", DEFAULT_SCRAM, auth.scram),
  };
}
