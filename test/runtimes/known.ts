// What does not hold on another runtime, and why: of the runtime, not of the library, and looked at one by one. A test
// that fails and is not here fails the run; so does one that is here and passes.
import type { RuntimeName } from "./binaries.ts";

export interface Known {
  /** From the root of the repository. */
  readonly file: string;
  /** Which tests, by their full names; without it, the file is not run. */
  readonly tests?: RegExp;
  readonly why: string;
  /** It depends on the moment: it may pass. */
  readonly sometimes?: true;
}

const UNTRUSTED = `whatever is wrong with a certificate that nobody has signed is "unable to verify"; it is refused all the same`;

const NO_OLD_TLS =
  "BoringSSL takes no cipher list with a security level: there is no server of TLS 1.1 to be had";
const NODE_TEST = "it starts node:test, which other runtimes start in another way";
const BUN: readonly Known[] = [
  {
    file: "test/fetch/destinations/gmail.test.ts",
    tests:
      /^a lost connection > (?:before|after|in the middle|whose outcome|with a session that)|^a crash > before that/,
    why: "Bun repeats an HTTP request by itself when the connection is lost",
  },
  {
    file: "test/fetch/scope.test.ts",
    tests: /^a server that fails > is reached from a wrong address$/,
    why: "Bun says that it cannot connect, where Node says that it cannot use its own address",
  },
  {
    file: "test/cli/check.test.ts",
    tests: /a server with no secure renegotiation$/,
    why: "BoringSSL connects to it, and waits for the rest",
  },
  { file: "test/cli/wrong-input.test.ts", tests: /^list @STLS$/, why: UNTRUSTED },
  {
    file: "test/oauth2/requests.test.ts",
    tests: /^a server that cannot be reached is temporary$/,
    why: "Bun's HTTP client says it in other words",
  },
  {
    file: "test/cli/login.test.ts",
    tests: /> slows down when the provider wants it, and ends when the code has ended$/,
    why: "simulated time stops Bun's timers of HTTP, too",
  },
  { file: "test/testing/contracts/runners.test.ts", why: NODE_TEST },
  {
    file: "test/client/session/caller.test.ts",
    tests: /^fetchMail: |^the end of a process by (?!a client )/,
    why: "Bun prints the place where an error was created, not its `stack`, and cuts the stack of a call in a run",
  },
  {
    file: "test/client/login/channel-binding.test.ts",
    tests: /^TLSv1\.3 > .* > by default tries|> sends one line for each type|> sends no more with a separate/,
    why: "with TLS 1.3 Bun shows no Finished, so there is no tls-unique to try, and one attempt fewer",
  },
  {
    file: "test/client/tls/certificate.test.ts",
    tests: /signed by an unknown authority$/,
    why: UNTRUSTED,
  },
  {
    file: "test/testing/server.test.ts",
    tests: /> ends without an error when the client refuses it$/,
    why: UNTRUSTED,
  },
  {
    file: "test/client/tls/wrong-port.test.ts",
    tests: /> if the server speaks no better than TLS 1\.1$/,
    why: NO_OLD_TLS,
  },
  {
    file: "test/hostile/before-tls.test.ts",
    tests: /^no TLS version above 1\.1: rejects /,
    why: NO_OLD_TLS,
  },
  {
    file: "test/hostile/quirks-tls.test.ts",
    tests: /^no TLS version above 1\.1/,
    why: NO_OLD_TLS,
  },
  {
    file: "test/faults/back-pressure.test.ts",
    tests: /^a loop over large messages holds at most one window of them$/,
    why: "Bun gives memory back when it likes, also when it is asked to",
    sometimes: true,
  },
  {
    file: "test/docs/docs.test.ts",
    tests: /^the programs print what their comments say$/,
    why: "console.log has other quotation marks",
  },
  {
    file: "test/node-pop3/readme.test.ts",
    tests: /> list msgNum to uid in server$/,
    why: "console.log has other quotation marks",
  },
  {
    file: "test/docs/docs.test.ts",
    tests: /^every block of JavaScript is JavaScript that Node parses$/,
    why: "Bun has no --check",
  },
  {
    file: "test/client/tls/own-connection.test.ts",
    tests: /^reads a socket of its own|^takes a greeting that arrives/,
    why: "over TLS it is read by `data` events there, and Bun's server holds back what was corked",
  },
];
const NO_BINDING =
  "Deno exports no keying material and shows no true Finished: tls-server-end-point is the one binding there is";
const NO_RESUMPTION = "Deno resumes no session that it is given: each handshake is a full one";
const NO_RESET = "a reset within TLS looks as if the server had closed the connection";
const LATE = "Deno reads what was sent some turns of its event loop later than Node, and in larger pieces";
const DENO: readonly Known[] = [
  { file: "test/testing/contracts/runners.test.ts", why: NODE_TEST },
  {
    file: "test/client/session/caller.test.ts",
    tests: /^the end of a process by /,
    why: "Deno prints the place where an error was created, not its `stack`",
    sometimes: true,
  },
  {
    file: "test/client/login/channel-binding.test.ts",
    tests:
      /tls-exporter|tls-unique|> by default tries|> sends one line for each type|> sends no more with a separate|> if no type is accepted|^exports the keying material once for each login$/,
    why: NO_BINDING,
  },
  {
    file: "test/client/login/edges.test.ts",
    tests: /^reports the refusal if the server closes before the next binding type$/,
    why: NO_BINDING,
  },
  {
    file: "test/testing/channel-binding.test.ts",
    tests:
      /> accepts only the right binding with tls-exporter$|TLSv1\.2 > accepts only the right binding with tls-unique$|> is offered only after STLS$|^tls-unique is the server's Finished/,
    why: NO_BINDING,
  },
  {
    file: "test/testing/channel-binding.test.ts",
    tests: /^EXTERNAL > identifies the client by its certificate/,
    why: "as a server Deno demands the certificate that it was told to ask for",
  },
  {
    file: "test/client/tls/tls-session.test.ts",
    tests:
      /: with the same options object, and|> is not resumed with another port of the same host$|a resumed session is checked as a new one > (?!is not resumed if the session came from the caller)/,
    why: NO_RESUMPTION,
  },
  {
    file: "test/client/login/edges.test.ts",
    tests: /^binds a resumed session with tls-server-end-point/,
    why: NO_RESUMPTION,
  },
  {
    file: "test/client/tls/own-connection.test.ts",
    tests: /^tries the next address, and resumes/,
    why: NO_RESUMPTION,
  },
  {
    file: "test/client/tls/own-connection.test.ts",
    tests: /^reads a socket of its own/,
    why: "Deno is read by `data` events",
  },
  {
    file: "test/net/tls-contexts.test.ts",
    tests: /^options that Node rejects/,
    why: "Deno does not check a certificate before it connects",
  },
  {
    file: "test/client/tls/stls.test.ts",
    tests: /^without TLS, connect\(\) rejects > if STLS is listed and refused$/,
    why: LATE,
    sometimes: true,
  },
  {
    file: "test/client/tls/certificate.test.ts",
    tests: /> rejects a certificate that is (?:expired an hour ago|not valid before tomorrow)$/,
    why: UNTRUSTED,
  },
  {
    file: "test/testing/certificate.test.ts",
    tests: /> is trusted only while it is valid$/,
    why: UNTRUSTED,
  },
  {
    file: "test/testing/server.test.ts",
    tests: /> ends without an error when the client refuses it$/,
    why: UNTRUSTED,
  },
  {
    file: "test/testing/certificate.test.ts",
    tests:
      /> is readable for other implementations$|> is valid for server and client, under its common name$/,
    why: "X509Certificate writes addresses and uses of a key in other words",
  },
  {
    file: "test/faults/setting-out.test.ts",
    tests: /^s?tls > leaves no socket after an invalid certificate$/,
    why: "a certificate authority that is none is passed over: no certificate is accepted, in place of POP3_CONFIG",
  },
  {
    file: "test/faults/ends.test.ts",
    tests:
      /^tls > the server ends the session with reset > within connect|^s?tls > the server ends the session with reset > within the session/,
    why: NO_RESET,
  },
  {
    file: "test/client/login/refusal.test.ts",
    tests: /^over TLS, the connection ends instead of an answer > /,
    why: NO_RESET,
  },
  {
    file: "test/client/messages/endless.test.ts",
    tests: /> rejects a message that is reset$/,
    why: NO_RESET,
  },
  {
    file: "test/testing/faults.test.ts",
    tests: /^a fault, true > ends the connection by reset$/,
    why: NO_RESET,
  },
  {
    file: "test/testing/faults.test.ts",
    tests: /^a fault, (?:true|false) > (?:splits|sends octets in a later packet)/,
    why: LATE,
    sometimes: true,
  },
  {
    file: "test/testing/faults-in-time.test.ts",
    tests: /^with tls: (?:true|false) > sends an answer (?:octet by octet|in packets)/,
    why: LATE,
    sometimes: true,
  },
  {
    file: "test/testing/replay.test.ts",
    tests: /^a replay > (?:applies the options of a network: |sends the lines after a wait)/,
    why: LATE,
    sometimes: true,
  },
  {
    file: "test/hostile/matrix.test.ts",
    tests: /^RST, at \d+ points \((?:stls|tls), /,
    why: NO_RESET,
  },
  {
    file: "test/hostile/matrix.test.ts",
    tests: /^(?:silence|a trickle|garbage|a flood|an extra reply|a broken record of TLS), at /,
    why: `${LATE}: faults come before what the test takes for read`,
    sometimes: true,
  },
  {
    file: "test/hostile/quirks-tls.test.ts",
    tests: /^no TLS version above 1\.1, with a client that allows it /,
    why: "rustls has no TLS 1.1",
  },
  {
    file: "test/hostile/quirks-tls.test.ts",
    tests: /^an address is not sent as a server name, /,
    why: "as a server Deno tells of a server name, an empty one, where there is none",
  },
  {
    file: "test/faults/back-pressure.test.ts",
    tests: /^(?:plain|tls) > a slow reader gets every octet of a large message, and the memory stays flat$/,
    why: "Deno gives memory back when it likes, also when it is asked to",
    sometimes: true,
  },
  {
    file: "test/faults/back-pressure.test.ts",
    tests: /^tls > an unread message of 1 GiB > /,
    why: "a TLS socket that is paused reads on, into memory of Deno's own: nothing bounds what a server sends",
    sometimes: true,
  },
  {
    file: "test/parse/lazy-loading.test.ts",
    tests: /^popwright\/parse > /,
    why: "the test hands its program over by options of Node",
  },
  {
    file: "test/docs/docs.test.ts",
    tests:
      /^the recipes run;|^the programs of Getting started run$|^the programs print what their comments say$/,
    why: "outside a project no dependency is found, and console.log has other quotation marks",
  },
];

const NO_MODES = "Windows has no such permissions: every file shows 0666";
const NO_SH =
  "its programs are scripts of sh, which Windows does not have; destinations.test.ts and command-tree.test.ts run others";
const NO_FETCH = "under Wine 8 the sockets of the global fetch do not connect";
const NO_OTHERS =
  "Windows has no FIFOs, and symbolic links only for administrators; its permissions are not shown as modes";
const OPEN =
  "Windows does not let a file be replaced that a process has open: a silent run that lives keeps its lock";
const WINDOWS: readonly Known[] = [
  { file: "test/fetch/destinations/command.test.ts", why: NO_SH },
  ...["s3", "gmail"].map((name) => ({ file: `test/fetch/destinations/${name}.test.ts`, why: NO_FETCH })),
  {
    file: "test/fetch/destinations/destinations.test.ts",
    tests: /^GmailImport /,
    why: NO_FETCH,
    // A few promises need no connection.
    sometimes: true,
  },
  { file: "test/fetch/destinations/unavailable.test.ts", tests: /^GmailImport that is /, why: NO_FETCH },
  { file: "test/fetch/destinations/programs.test.ts", tests: /^GmailImport$/, why: NO_FETCH },
  { file: "test/fetch/destinations/programs.test.ts", tests: /^Command$/, why: NO_SH },
  {
    file: "test/fetch/destinations/lmtp.test.ts",
    tests: /> is sent to a Unix socket$/,
    why: "for Node on Windows a path is a named pipe, and no Unix socket",
  },
  ...["login", "stored-sign-in"].map((name) => ({ file: `test/cli/${name}.test.ts`, why: NO_FETCH })),
  {
    file: "test/cli/destinations/gmail.test.ts",
    tests: /^(?:one sign-in|labels and options|check says|a sign-in that)/,
    why: NO_FETCH,
  },
  {
    file: "test/cli/replacing-gmail.test.ts",
    tests: /^(?:with the Gmail API|several mailboxes)/,
    why: NO_FETCH,
  },
  {
    file: "test/fetch/destinations/destinations.test.ts",
    tests: /^(?!deliverTo |Webhook |GmailImport ).* > creates files that only their owner can read$/,
    why: NO_MODES,
  },
  {
    file: "test/fetch/durable.test.ts",
    tests:
      /> creates the file if it is missing, with the requested permissions$|> creates missing directories, accessible to the owner only/,
    why: NO_MODES,
  },
  {
    file: "test/fetch/durable.test.ts",
    tests: /> rejects if the directory cannot be created$/,
    why: "Windows has no /proc",
  },
  { file: "test/fetch/own-file.test.ts", why: NO_OTHERS },
  { file: "test/fetch/destinations/foreign-files.test.ts", why: NO_OTHERS },
  { file: "test/fetch/ledger/foreign-files.test.ts", why: NO_OTHERS },
  {
    file: "test/fetch/lease.test.ts",
    tests: /> the run is suspended /,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/journal.test.ts",
    tests: /> is not rewritten by a process that has already lost the mailbox$/,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/lock.test.ts",
    tests: /^a path that is not a lock file > .*(?:FIFO|symbolic link)/,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/destinations/spool-file.test.ts",
    tests: /^leaves the files of living processes, and those that another process may be writing$/,
    why: "process 1 is that of another user elsewhere; Windows has no process 1",
  },
  {
    file: "test/fetch/destinations/eml-folder.test.ts",
    tests: /^puts files into the sub-folder that a function returns, and recognises them there$/,
    why: "its folder has a colon in its name, which is refused there: see windows-path.test.ts",
  },
  {
    file: "test/fetch/destinations/eml-folder.test.ts",
    tests: /symbolic link/,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/destinations/group.test.ts",
    tests: /^EmlFolder: a link that replaces /,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/kept-directory.test.ts",
    tests: /^it is opened again if another directory has its name$/,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/ledger/lock.test.ts",
    tests: /^a holder > (?:learns|on a local disk|whose lock was removed|knows its lock by the contents)/,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/lost-lease.test.ts",
    tests:
      /> by taking over is noticed|> is noticed by |> is not released by close\(\)|^a former run that still writes /,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/state-file.test.ts",
    tests: /> by a former run that writes late to the file that it has open$/,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/fences.test.ts",
    tests: /> grows with each take-over$/,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/lock.test.ts",
    tests: /> names its holder, is readable for its owner only/,
    why: NO_MODES,
  },
  {
    file: "test/fetch/ledger/lock.test.ts",
    tests: /> that is written only in part, on a full disk, is not created$/,
    why: NO_SH,
  },
  {
    file: "test/fetch/ledger/file-ledger.test.ts",
    tests:
      /> keeps all acknowledged records of its former run|> is not truncated by its former run|> set the time after which a mailbox/,
    why: OPEN,
  },
  {
    file: "test/fetch/ledger/file-ledger.test.ts",
    tests:
      /> are named after it, and are accessible for their owner only$|^the files of a mailbox > may be inaccessible$/,
    why: NO_MODES,
  },
  {
    file: "test/fetch/ledger/file-ledger.test.ts",
    tests: /^the files of a mailbox > may be inaccessible: cannot (?:read|rename) the ledger/,
    why: "a path below a file is ENOENT there, as if nothing had been recorded yet",
  },
  {
    file: "test/endurance/ledger.test.ts",
    tests: /^a process at its limit of file sizes/,
    why: NO_SH,
  },
  {
    file: "test/cli/retry.test.ts",
    tests:
      /> 65: names the message that is left alone|> renames a mailbox, so that its mail is not fetched again$/,
    why: "the path in the command that is shown has backslashes, so it stands in quotes",
  },
  {
    file: "test/fetch/destinations/mbox-crash.test.ts",
    tests: /> keeps the mode of the file$/,
    why: NO_MODES,
  },
  {
    file: "test/fetch/destinations/mbox-crash.test.ts",
    tests: /^a link to the mbox stays a link$/,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/destinations/mbox-foreign-files.test.ts",
    tests: /FIFO$|symbolic link$|a link of our own to an mbox$/,
    why: NO_OTHERS,
  },
  {
    file: "test/fetch/ledger/lock.test.ts",
    tests: /> is taken over by one of several that want it at once$/,
    why: "a temporary file that another process has open cannot be removed; the next run removes it",
    sometimes: true,
  },
  {
    file: "test/client/session/end.test.ts",
    tests: /> RST while no call waits$/,
    why: "under Wine a reset looks as if the server had closed the connection",
  },
];

export const KNOWN: Readonly<Record<RuntimeName, readonly Known[]>> = {
  node22: [],
  node24: [],
  node26: [],
  bun: BUN,
  deno: DENO,
  windows: WINDOWS,
};
