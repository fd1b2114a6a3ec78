// The status page: asks for the state every two seconds, and draws it.

/** What each state means, and what to do about it. */
const STATES = {
  ok: ["Fine", "Polled as planned. Nothing to do."],
  late: [
    "Late",
    "Due for more than a minute. If there are many, start another worker, or raise the limit of the host.",
  ],
  login: [
    "Needs a password",
    "The server refuses the user name or the password. Ask the user for the right one, and set it here.",
  ],
  attention: [
    "Needs a correction",
    "This error does not go away by itself. Read the last error, correct the account, then choose Poll now.",
  ],
  poison: [
    "Kills its worker",
    "Five polls in a row have ended with their process. It is set aside. Look at the memory of the workers and at its mail, then choose Poll now.",
  ],
  host: [
    "Host is down",
    "The host cannot be reached. Its mailboxes wait, and one of them tries again. Nothing to do, unless the host is gone for good.",
  ],
  failing: ["Failing", "The last poll has failed, and the next one may succeed. Nothing to do for now."],
  paused: ["Paused", "It is not polled until you choose Resume."],
};

const OUTCOMES = {
  done: "fetched",
  stopped: "stopped in good order",
  deferred: "too early",
  failed: "failed",
  "held-back": "held back: the host is down",
  full: "waited: the host had no free session",
  paused: "paused",
  gone: "removed",
};

/** The mailbox that is shown. */
let chosen = new URLSearchParams(location.hash.slice(1)).get("mailbox") ?? undefined;

const $ = (id) => document.getElementById(id);

/** Makes an element. Text is never read as HTML: subjects and errors come from strangers. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

function drawing(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Draws a part of the page again. A button that has the focus keeps it. */
function redraw(part, ...children) {
  const focused = part.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  part.replaceChildren(...children);
  if (focused !== undefined)
    part.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

const badge = (state) => element("span", { class: `badge ${state}` }, STATES[state]?.[0] ?? state);

function length(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

function when(at) {
  if (at === undefined || at === null) return "not known";
  const left = at - Date.now();
  if (Math.abs(left) < 1000) return "now";
  return left > 0 ? `in ${length(left)}` : `${length(-left)} ago`;
}

async function ask(path, method = "GET", body = undefined) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error ?? value.message ?? answer.statusText);
  return value;
}

let hiding;
function say(text) {
  const toast = $("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (toast.hidden = true), 4000);
}

/** Does something for the user, and says how it ended. */
async function act(what, said) {
  try {
    await what();
    say(said);
    await refresh();
  } catch (error) {
    say(`It did not work: ${error.message}`);
  }
}

function showStates({ states }) {
  const order = ["ok", "login", "attention", "poison", "host", "failing", "late", "paused"];
  $("states").replaceChildren(
    ...order.map((state) => {
      const [title, what] = STATES[state];
      const count = states[state] ?? 0;
      return element(
        "li",
        { class: `${state}${count === 0 ? " none" : ""}`, "data-state": state, "data-count": count },
        element("b", {}, String(count)),
        element("strong", {}, title),
        element("p", {}, what),
      );
    }),
  );
}

/** Draws lines over each other, on the same scale. `lines`: [class, values] with `null` for a missing value. */
function showChart(svg, lines, label, seconds) {
  const [width, height] = [svg.clientWidth || 560, 190];
  const [left, right, top, bottom] = [46, 8, 8, 22];
  const values = lines.flatMap(([, all]) => all.filter((value) => value !== null));
  const most = niceMost(Math.max(0, ...values));
  const count = lines[0][1].length;
  const x = (at) => left + ((width - left - right) * at) / Math.max(1, count - 1);
  const y = (value) => top + (height - top - bottom) * (1 - value / most);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const parts = [];
  for (const part of [0, 0.5, 1]) {
    parts.push(
      drawing("line", { class: "grid", x1: left, x2: width - right, y1: y(most * part), y2: y(most * part) }),
    );
    parts.push(
      drawing(
        "text",
        { x: left - 6, y: y(most * part) + 4, "text-anchor": "end" },
        part === 0 ? "0" : label(most * part),
      ),
    );
  }
  const all = count * seconds;
  parts.push(drawing("text", { x: left, y: height - 5 }, `${Math.round(all / 60)} min ago`));
  parts.push(drawing("text", { x: width - right, y: height - 5, "text-anchor": "end" }, "now"));
  const [, first] = lines[0];
  const points = first.map((value, at) => `${x(at)},${y(value ?? 0)}`);
  parts.push(
    drawing("path", {
      class: "area",
      d: `M${x(0)},${y(0)} L${points.join(" L")} L${x(count - 1)},${y(0)} Z`,
    }),
  );
  for (const [name, series] of lines) parts.push(drawing("path", { class: name, d: lineOf(series, x, y) }));
  svg.replaceChildren(...parts);
}

function lineOf(series, x, y) {
  let path = "";
  let isDown = false;
  for (const [at, value] of series.entries()) {
    if (value !== null) path += `${isDown ? "L" : "M"}${x(at).toFixed(1)},${y(value).toFixed(1)} `;
    isDown = value !== null;
  }
  return path || "M0,0";
}

function niceMost(value) {
  const step = 10 ** Math.floor(Math.log10(Math.max(value, 0.1)));
  return step * ([1, 2, 4, 6, 10].find((factor) => factor * step >= value) ?? 10);
}

function showHosts({ hosts }) {
  const sorted = [...hosts].sort((a, b) => a.host.localeCompare(b.host));
  $("hosts").replaceChildren(
    ...sorted.map(({ host, label, taken, limit, mean, down }) => {
      const bar = element("span", { class: "bar" }, element("i", {}));
      // Not as an attribute: the policy of the page allows no style from text.
      bar.firstChild.style.width = `${Math.min(100, (100 * taken) / (limit || 1))}%`;
      const more =
        down === undefined
          ? `A session takes ${length(mean)} on average. The breaker is closed: mailboxes are polled.`
          : `${down.code}. The breaker is open: its mailboxes wait, and one of them tries again ${down.nextPollAt > Date.now() ? when(down.nextPollAt) : "now"}.`;
      return element(
        "li",
        { "data-host": host },
        element(
          "div",
          { class: "row" },
          element("span", { class: "name" }, label === undefined ? host : `${label} (${host})`),
          down === undefined ? bar : badge("host"),
          element("span", {}, limit === 0 ? "no sessions" : `${taken} of ${limit} sessions`),
          element("span", { class: "more" }, more),
        ),
      );
    }),
  );
}

function showWorkers({ workers }) {
  $("workers").replaceChildren(
    ...workers.map(({ id, active, concurrency, paused }) =>
      element(
        "li",
        {},
        element(
          "div",
          { class: "row" },
          element("span", { class: "name" }, id),
          element("span", {}, `${active} of ${concurrency} mailboxes`),
          paused &&
            element(
              "span",
              { class: "more" },
              `Pauses because of ${paused.scope}: ${paused.code ?? "an error"}. It continues ${when(paused.until)}.`,
            ),
        ),
      ),
    ),
  );
}

function showWorst({ worst }) {
  if (worst.length === 0) {
    $("worst").replaceChildren(element("li", { class: "row" }, "No mailbox is in trouble."));
    return;
  }
  redraw(
    $("worst"),
    ...worst.map(({ id, login, state, since }) =>
      element(
        "li",
        { "data-state": state },
        element(
          "button",
          {
            class: "row",
            type: "button",
            "data-key": id,
            "aria-current": String(id === chosen),
            onclick: () => choose(id),
          },
          element("span", { class: "name" }, login ?? `mailbox ${id}`),
          badge(state),
          element("span", { class: "more" }, `since ${length(Date.now() - since)}. ${STATES[state][1]}`),
        ),
      ),
    ),
  );
}

function choose(id) {
  chosen = id;
  history.replaceState(null, "", `#mailbox=${encodeURIComponent(id)}`);
  void refresh();
}

/** What is shown of it. While a password is typed, it is not drawn again. */
let shown;

function showMailbox(found) {
  if (found.isGone) {
    chosen = undefined;
    shown = undefined;
    $("mailbox").replaceChildren(element("p", { class: "hint" }, "This mailbox does not exist any more."));
    return;
  }
  const { id, login, host, port, paused, mailbox, statuses, state, polls, session, mail } = found;
  const text = JSON.stringify([id, paused, mailbox, statuses, state, polls, session, mail]);
  const typed = $("mailbox").querySelector("input");
  if (text === shown || (typed !== null && (typed.value !== "" || typed === document.activeElement))) return;
  shown = text;
  const current = paused ? "paused" : (mailbox?.state ?? "ok");
  const known = Object.entries(statuses)
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");
  const facts = [
    ["Host", `${host}, port ${port}`],
    [
      "Next poll",
      mailbox === undefined ? "none: it has no job" : mailbox.job === "active" ? "now" : when(mailbox.due),
    ],
    ["Last listed", when(state.lastRun)],
    ["In trouble since", mailbox?.since === undefined ? undefined : when(mailbox.since)],
    [
      "Last error",
      mailbox?.error &&
        [mailbox.error.code, mailbox.error.responseCode, mailbox.error.scope].filter(Boolean).join(", "),
    ],
    ["Failures in a row", state.failures],
    ["Crashes in a row", state.crashes],
    ["Known messages", known || "none"],
  ].filter(([, value]) => value !== undefined);
  const path = `/api/mailboxes/${encodeURIComponent(id)}`;
  const password = element("input", { type: "password", autocomplete: "new-password", required: "" });
  const form = element(
    "form",
    {},
    element("label", {}, "New password", password),
    element("button", { "data-key": "Set" }, "Set"),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value } = password;
    password.value = "";
    password.blur();
    void act(
      () => ask(`${path}/password`, "POST", { password: value }),
      "The password is set, and the mailbox is polled.",
    );
  });
  const button = (label, said, what, more = {}) =>
    element(
      "button",
      { type: "button", "data-key": label, ...more, onclick: () => void act(what, said) },
      label,
    );
  redraw(
    $("mailbox"),
    element("h3", { "data-login": login }, login),
    element(
      "div",
      { class: `about ${current}`, "data-state": current },
      badge(current),
      element("p", {}, STATES[current][1]),
    ),
    element(
      "div",
      { class: "actions" },
      button("Poll now", "It is polled now.", () => ask(`${path}/poll`, "POST", {})),
      button(paused ? "Resume" : "Pause", paused ? "It is polled again." : "It is paused.", () =>
        ask(`${path}/pause`, "POST", { paused: !paused }),
      ),
      button("Remove", "The account is removed. Its mail is kept.", () => ask(path, "DELETE"), {
        class: "danger",
      }),
    ),
    element(
      "dl",
      {},
      ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]),
    ),
    form,
    element("h3", {}, "Last polls"),
    element(
      "ul",
      { class: "log" },
      ...(polls.length === 0 ? [element("li", {}, "None yet.")] : folded(polls).map(pollLine)),
    ),
    element("h3", {}, "Last session"),
    session === undefined
      ? element("p", { class: "hint" }, "None in the last hour.")
      : element("pre", { class: "session", tabindex: "0" }, session.session),
    element("h3", {}, "Last mail"),
    element(
      "ul",
      { class: "log" },
      ...(mail.length === 0 ? [element("li", {}, "None yet.")] : mail.map(mailLine)),
    ),
  );
}

/** Polls that ended alike are one line. */
function folded(polls) {
  const lines = [];
  for (const poll of polls) {
    const last = lines.at(-1);
    const isAlike =
      last !== undefined && poll.error !== null && last.error === poll.error && last.outcome === poll.outcome;
    if (isAlike) last.times++;
    else lines.push({ ...poll, times: 1 });
  }
  return lines;
}

function pollLine({ at, outcome, delivered, duration, code, error, times }) {
  const mailCame = delivered > 0 ? `, ${delivered} new` : "";
  const again = times > 1 ? ` ${times} times in a row` : `, ${length(duration)}`;
  const why = error === null ? "" : `: ${code === null ? "" : `${code}. `}${error}`;
  return element(
    "li",
    {},
    element("time", {}, when(at)),
    `${OUTCOMES[outcome] ?? outcome}${mailCame}${again}${why}`,
  );
}

function mailLine({ at, subject, octets }) {
  return element("li", {}, element("time", {}, when(at)), `${subject}, ${octets} bytes`);
}

async function refresh() {
  try {
    const status = await ask("/api/status");
    const { mailboxes, active, due, lag, chart, states } = status;
    const wrong = mailboxes - states.ok - states.paused;
    $("summary").textContent =
      `${mailboxes} mailboxes, ${active} polled now, ${due} waiting` +
      `${due > 0 ? ` for up to ${length(lag)}` : ""}. ${wrong === 0 ? "All is well." : `${wrong} in trouble.`}`;
    showStates(status);
    const { points, seconds } = chart;
    const rate = (key) => points.map((point) => point[key] / seconds);
    showChart(
      $("throughput"),
      [
        ["polls", rate("polls")],
        ["messages", rate("messages")],
      ],
      (value) => value.toFixed(value < 1 ? 1 : 0),
      seconds,
    );
    showChart(
      $("lag"),
      [
        ["median", points.map(({ median }) => median)],
        ["worst", points.map(({ worst }) => worst)],
      ],
      length,
      seconds,
    );
    showHosts(status);
    showWorkers(status);
    showWorst(status);
    if (chosen !== undefined) showMailbox(await ask(`/api/mailboxes/${encodeURIComponent(chosen)}`));
  } catch {
    $("summary").textContent = "The status cannot be read. Is the example still running?";
  }
}

$("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("q");
  const found = await ask(`/api/mailboxes?q=${encodeURIComponent(text)}`);
  $("found").replaceChildren(
    ...(found.length === 0 ? [element("li", { class: "hint" }, "None has this in its name.")] : []),
    ...found.map(({ id, login }) =>
      element("li", {}, element("button", { type: "button", onclick: () => choose(id) }, login)),
    ),
  );
});

$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  void act(async () => {
    const { id } = await ask("/api/mailboxes", "POST", Object.fromEntries(new FormData(form)));
    form.reset();
    choose(id);
  }, "The account is added, and polled.");
});

await refresh();
setInterval(() => void refresh(), 2000);
