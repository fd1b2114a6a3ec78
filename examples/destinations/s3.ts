// Stores mail in a bucket of S3 or of a compatible service: one object for each message, named after its key.
// It never overwrites an object.
//
//   import { AwsClient } from "aws4fetch"; // or what else signs requests
//   const aws = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region });
//   const destination = bucket("https://mail.s3.eu-west-1.amazonaws.com/inbox/", (request) => aws.sign(request));
import { DestinationError, deliverTo, type Destination } from "popwright/fetch";

/** The maximum time of an upload, in milliseconds. */
const TIMEOUT = 300_000;

/** Signs a request with the credentials of the sender. */
export type Sign = (request: Request) => Request | Promise<Request>;

/** `url`: the prefix of the objects' names, such as `https://bucket.example.com/inbox/`. */
export function bucket(url: string | URL, sign: Sign): Destination {
  return deliverTo(async ({ key, octets }, signal) => {
    const request = new Request(new URL(`${key}.eml`, url), {
      method: "PUT",
      headers: { "content-type": "message/rfc822", "if-none-match": "*" },
      body: octets as Buffer<ArrayBuffer>,
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal === undefined ? [] : [signal])]),
    });
    const response = await send(await sign(request));
    if (response.ok) return "new";
    // Precondition failed: the object exists.
    if (response.status === 412) return "known";
    throw await refusal(response);
  });
}

async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (cause) {
    throw new DestinationError(`${new URL(request.url).host} cannot be reached`, { cause, down: true });
  }
}

/** Makes an error from S3's answer, which is XML: `<Error><Code>NoSuchBucket</Code>…`. */
async function refusal(response: Response): Promise<DestinationError> {
  const { status } = response;
  const code = /<Code>(\w{1,64})<\/Code>/.exec(await response.text())?.[1] ?? response.statusText;
  // No access or no bucket: this would fail for every message.
  const down = [401, 403, 404].includes(status);
  // 409: another upload of the same object is in progress. 503: "slow down".
  const later = down || status === 409 || status === 429 || status >= 500;
  return new DestinationError(`HTTP ${status} ${code}`, { down, later });
}
