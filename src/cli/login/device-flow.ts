// Signs a user in on another device (RFC 8628): the user opens an address there and enters a short code.
import { OAuth2Error, requestToken, type TokenReply } from "../../oauth2/index.ts";
import { post } from "../../oauth2/post.ts";
import { printable } from "../../protocol/printable.ts";
import { sleep } from "../../net/settle.ts";
import { keepSecret, type Io } from "../io.ts";
import { writeLines } from "../text.ts";
import { SignInError } from "../usage-error.ts";
import type { Granted, SignInRequest } from "./sign-in-request.ts";

/** The time limit of a request, in milliseconds. */
const TIMEOUT = 30_000;

/** The time between two questions, if the server does not say it, and what is added when it says `slow_down`; seconds. */
const INTERVAL = 5;

/** Signs the user in. `deviceUrl`: the device authorization endpoint. */
export async function signInByDevice(
  deviceUrl: string,
  { client, endpoints, scope, address }: SignInRequest,
  io: Io,
): Promise<Granted> {
  const form = { client_id: client.clientId, scope };
  const device = await post(new URL(deviceUrl), form, { timeout: TIMEOUT, signal: io.stop });
  const { device_code: code, user_code: userCode, verification_uri: place } = device;
  if (typeof code !== "string" || typeof userCode !== "string" || typeof place !== "string")
    throw new SignInError("the provider sent no code for the device. Sign in without --device");
  keepSecret(code, io);
  const text = `To sign in as ${printable(address)}, open ${printable(place)} in a browser on any device, and enter the code ${printable(userCode)}`;
  await writeLines(io.stderr, text);
  const seconds = (name: string, otherwise: number): number =>
    typeof device[name] === "number" ? device[name] : otherwise;
  const end = performance.now() + seconds("expires_in", 900) * 1000;
  let interval = seconds("interval", INTERVAL);
  for (;;) {
    await sleep(interval * 1000, io.stop);
    const answer = await ask();
    if (!OAuth2Error.is(answer)) return { reply: answer, nonce: undefined };
    if (!answer.temporary || performance.now() > end) throw refused(answer);
    if (answer.error === "slow_down") interval += INTERVAL;
  }

  function ask(): Promise<TokenReply | OAuth2Error> {
    const grant = {
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: code as string,
    };
    const request = requestToken({ tokenUrl: endpoints.token, ...client, grant, signal: io.stop });
    return request.catch((error: unknown) => {
      if (OAuth2Error.is(error)) return error;
      throw error;
    });
  }
}

function refused(error: OAuth2Error): Error {
  switch (error.error) {
    case "expired_token":
    case "authorization_pending":
    case "slow_down":
      return new SignInError("the code was not entered in time. Run the command again");
    case "access_denied":
    case "authorization_declined":
      return new SignInError("the sign-in was cancelled in the browser. Nothing was stored");
    default:
      return error;
  }
}
