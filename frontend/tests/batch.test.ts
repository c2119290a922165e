import { afterEach, describe, expect, it, vi } from "vitest";
import { AskError, ask, isAbsent } from "../src/api/ask";
import type { Attention, CronEntry, Masters, Person } from "../src/api/batch";
import { authorization } from "../src/api/session";
import { joinWords, splitWords } from "../src/lib/shell";
import { dueTime, lagOf, scheduleWords } from "../src/pages/batch/cron/schedule";
import { actionsOf, chipsOf, endingOf, isElsewhere, ranOf, reasonOf, refusal } from "../src/pages/batch/jobs/jobView";
import { groupsOf, needsAttention } from "../src/pages/batch/master/attention";
import { problemsOf } from "../src/pages/batch/problems";
import {
  cronFields,
  cronRequest,
  draftOf,
  emptyCron,
  emptyRun,
  guesses,
  jobRequest,
  spanOf,
  spanText,
} from "../src/pages/batch/requests";
import { numberOf } from "../src/pages/batch/selection";
import { jobStates, lookOf } from "../src/pages/batch/states";
import { columnsOf, leadsTo, roleOf, stagesOf } from "../src/pages/batch/workflows/runView";

describe("a command", () => {
  it("is split as a shell would, and nothing is expanded", () => {
    const cases: [string, string[]][] = [
      ["", []],
      ["  make   -j4\tall ", ["make", "-j4", "all"]],
      ["sh -c 'echo \"$HOME\"; ls *'", ["sh", "-c", 'echo "$HOME"; ls *']],
      [`a"b c"'d e'f`, ["ab cd ef"]],
      [`"a\\"b" "a\\nb" a\\ b`, ['a"b', "a\\nb", "a b"]],
      ["'' \"\"", ["", ""]],
    ];
    for (const [text, words] of cases) expect([text, splitWords(text)]).toEqual([text, { words, wrong: "" }]);
  });

  it("that is not finished says so", () => {
    expect(splitWords("echo 'a").wrong).toContain("not closed");
    expect(splitWords("echo a\\").wrong).toContain("backslash");
  });

  it("comes back from its written form", () => {
    const words = ["sh", "-c", "it's; $x", "", "a b", "ü", "--mem=2G"];
    expect(splitWords(joinWords(words)).words).toEqual(words);
    expect(joinWords(["make", "-j4"])).toBe("make -j4");
  });
});

describe("a schedule", () => {
  it("is told in words where that is easy", () => {
    const cases: [string, string][] = [
      ["* * * * *", "every minute"],
      ["*/15 * * * *", "every 15 min"],
      ["7 * * * *", "every hour at :07"],
      ["5 */6 * * *", "every 6 h at :05"],
      ["30 2 * * *", "every day at 02:30"],
      ["0 8,20 * * *", "every day at 08:00 and 20:00"],
      ["30 2 * * 1-5", "Monday to Friday at 02:30"],
      ["0 0 * * 0,3", "on Sundays and Wednesdays at 00:00"],
      ["0 0 * * 7", "on Sundays at 00:00"],
      ["0 4 1,2,13,22 * *", "on the 1st, 2nd, 13th and 22nd of the month at 04:00"],
      ["*/10 * * * sat,sun", "every 10 min, on Saturdays and Sundays"],
      ["@DAILY", "every day at 00:00"],
      ["@reboot", "when a master starts"],
    ];
    for (const [text, words] of cases) expect([text, scheduleWords(text)]).toEqual([text, words]);
  });

  it("that is not easy is left as it is", () => {
    const hard = [
      "0 0 1 * 1",
      "0 0 * 2 *",
      "1-5 * * * *",
      "0 0 L * *",
      "0 0 * * 5#2",
      "61 * * * *",
      "",
      "constructor",
      "* * *",
    ];
    for (const text of hard) expect([text, scheduleWords(text)]).toEqual([text, ""]);
  });

  it("has due times with their distance from UTC, on both sides of a change of the clock", () => {
    expect(dueTime(Date.UTC(2026, 2, 29, 0, 30) / 1000, "Europe/Berlin")).toBe("Sun 29 Mar, 01:30 +01:00");
    expect(dueTime(Date.UTC(2026, 2, 29, 1, 0) / 1000, "Europe/Berlin")).toBe("Sun 29 Mar, 03:00 +02:00");
    expect(dueTime(0, "UTC")).toBe("Thu 1 Jan, 00:00 +00:00");
    expect(dueTime(0, "No/Where")).toBe("Thu 1 Jan, 00:00 +00:00");
    expect(dueTime(0, "Asia/Kolkata")).toBe("Thu 1 Jan, 05:30 +05:30");
  });

  it("tells how late it fired", () => {
    expect(lagOf({ scheduled_for: 100, fired_at: 101.2 })).toBe("on time");
    expect(lagOf({ scheduled_for: 100, fired_at: 700 })).toBe("10 min late");
  });
});

const job = { status: "running", cancel_at: null, unknown: false, tries: 0, reason: null };
const person = (role: Person["role"], user: string | null = null): Person => ({
  ...{ user, shown: user, role },
  staff: role === "operator" || role === "admin",
});

describe("a job", () => {
  it("has states that differ in word and glyph, and unknown ones keep their word", () => {
    const looks = jobStates.map(lookOf);
    expect(new Set(looks.map((look) => look.word)).size).toBe(jobStates.length);
    expect(new Set(looks.map((look) => look.glyph)).size).toBe(jobStates.length);
    expect(lookOf("very_new").word).toBe("Very new");
    expect(lookOf("constructor").word).toBe("Constructor");
  });

  it("offers what its state allows", () => {
    const cases: [string, number | null, string[]][] = [
      ["waiting", null, ["hold", "cancel"]],
      ["held", null, ["release", "cancel"]],
      ["running", null, ["cancel"]],
      ["running", 5, []],
      ["lost", null, ["rerun"]],
      ["cancelled", 5, ["rerun"]],
    ];
    for (const [status, cancel_at, actions] of cases) expect(actionsOf({ status, cancel_at })).toEqual(actions);
  });

  it("is acted on by its owner and the staff", () => {
    const of = { user: "", submitted_by: "ann" };
    expect(refusal(undefined, of)).not.toBe("");
    expect(refusal(person("anonymous"), of)).toContain("Sign in");
    expect(refusal(person("user", "bob"), of)).toContain("Only ann");
    expect(refusal(person("user", "ann"), of)).toBe("");
    expect(refusal(person("operator", "bob"), of)).toBe("");
    const ofCron = { user: "", submitted_by: "" };
    expect(refusal(person("user", "cron"), ofCron)).toBe("Only operators and administrators may act on this job.");
  });

  it("says how it ended, and why", () => {
    const end = { status: "failed", ending: "exit", return_code: 2, signal: null };
    expect(endingOf(end)).toBe("return code 2");
    expect(endingOf({ ...end, return_code: null, signal: 9, ending: "signal" })).toBe("signal 9");
    expect(endingOf({ ...end, ending: "timeout" })).toBe("time limit reached");
    expect(endingOf({ ...end, status: "skipped", ending: "late", return_code: null })).toBe("too late to start");
    expect(endingOf({ ...end, status: "running" })).toBe("");
    expect(reasonOf({ ...job, status: "failed", reason: "ended with 2" })).toBe("");
    expect(reasonOf({ ...job, cancel_at: 4 })).toBe("It is being cancelled.");
    expect(reasonOf({ ...job, status: "cancelled", cancel_at: 4, reason: "cancelled by ann" })).toBe(
      "Cancelled by ann.",
    );
    expect(reasonOf({ ...job, status: "submitting", unknown: true })).toContain("not clear");
    const held = { ...job, status: "held", unknown: true, tries: 6, reason: "submitted 6 times in vain" };
    expect(reasonOf(held)).toMatch(/Release it .* or cancel it.*Submitted 6 times in vain/);
    expect(reasonOf({ ...held, status: "waiting" })).not.toContain("Release it");
    expect(reasonOf({ ...job, status: "skipped", reason: "not started by 08:00 UTC, its latest start" })).toBe(
      "Not started by 08:00 UTC, its latest start.",
    );
  });

  it("runs until it ends, and not before it starts", () => {
    expect(ranOf({ started_at: null, finished_at: null }, 50)).toBeNull();
    expect(ranOf({ started_at: 20, finished_at: null }, 50)).toBe(30);
    expect(ranOf({ started_at: 20, finished_at: 25 }, 50)).toBe(5);
  });

  it("is looked for in live only where live knows its number", () => {
    expect(isElsewhere({ scheduler: "slurm", scheduler_id: "7" })).toBe(true);
    expect(isElsewhere({ scheduler: "slurm", scheduler_id: null })).toBe(false);
    expect(isElsewhere({ scheduler: "local", scheduler_id: "7" })).toBe(false);
  });

  it("counts among the choices; a chosen state stays in view", () => {
    const chips = chipsOf({ waiting: 1, running: 2, failed: 4 }, "lost");
    expect(chips.map((chip) => `${chip.title} ${chip.count}`)).toEqual(
      ["All 7", "Active 3", "Ended 4", "Waiting 1", "Running 2", "Failed 4", "Lost 0"], // in the order of its life
    );
  });
});

describe("a request", () => {
  it("is made of what was typed", () => {
    const draft = {
      ...emptyRun,
      command: "make all",
      options: "-n 4",
      time_limit: "2h",
      notify: "email:a@b\n\nwebhook:c",
    };
    expect(jobRequest(draft).body).toEqual({
      ...{ name: "", command: ["make", "all"], queue: "", options: ["-n", "4"], working_dir: "", output: "" },
      ...{ time_limit: 7200, notify: ["email:a@b", "webhook:c"], user: "" },
    });
  });

  it("that cannot be sent says so at the field", () => {
    expect(Object.keys(jobRequest({ ...emptyRun, time_limit: "soon" }).problems?.fields ?? {})).toEqual([
      "time_limit",
      "command",
    ]);
    expect(Object.keys(cronRequest(emptyCron).problems?.fields ?? {})).toEqual(["command", "name", "schedule"]);
    expect(cronRequest({ ...emptyCron, kind: "workflow" }).problems?.fields.workflow).toContain("Choose");
    expect(cronRequest({ ...emptyCron, start_within: "soon" }).problems?.fields).toHaveProperty("start_within");
  });

  it("for an entry that starts a workflow has no time within which a job must start", () => {
    const draft = { ...emptyCron, name: "n", schedule: "@daily", start_within: "30m" };
    expect(cronRequest({ ...draft, command: "ls" }).body).toHaveProperty("start_within", 1800);
    expect(cronRequest({ ...draft, kind: "workflow", workflow: "w" }).body).not.toHaveProperty("start_within");
  });

  it("for a change of an entry keeps what was not changed", () => {
    const entry = {
      ...{ cron_id: 1, name: "n", schedule: "@daily", timezone: "UTC", enabled: false, command: "x", workflow: "" },
      ...{ args: ["sh", "-c", "a b"], params: {}, overlap: "skip", misfire: "all", misfire_window: 5400, jitter: 60 },
      ...{
        start_within: 600,
        not_before: 5,
        not_after: null,
        queue: "q",
        batch_opts: ["-n", "1"],
        limit_s: 90,
        on_success: ["email:a@b"],
      },
      ...{ working_dir: "/w", output_location: "/o", user: "u", version: 3, next: [], last: null, content: true },
    } as CronEntry;
    expect(cronRequest(draftOf(entry)).body).toEqual({
      ...{ name: "n", schedule: "@daily", timezone: "UTC", enabled: false, command: ["sh", "-c", "a b"] },
      ...{ overlap: "skip", misfire: "all", misfire_window: 5400, jitter: 60, start_within: 600 },
      ...{ not_before: 5, not_after: null },
      ...{ queue: "q", options: ["-n", "1"], time_limit: 90, notify: ["email:a@b"], working_dir: "/w", output: "/o" },
      user: "u",
    });
  });

  it("takes spans of time as people write them", () => {
    expect(["", "90", "90 s", "15m", "15 min", "2 H", "1d", "1.5h"].map(spanOf)).toEqual([
      0, 90, 90, 900, 900, 7200, 86_400, 5400,
    ]);
    expect(["soon", "-1", "1 w", "1h30"].map(spanOf).every(Number.isNaN)).toBe(true);
    expect([0, 59, 90, 120, 5400, 7200, 86_400].map(spanText)).toEqual(["", "59", "90", "2m", "90m", "2h", "1d"]);
  });
});

describe("what the daemon finds wrong", () => {
  it("stands at its fields", () => {
    const told = new AskError(400, "…", [
      { field: "body", detail: "'61 * * * *': bad minute" },
      { field: "name", detail: "must be at least 1 long" },
      { field: "output", detail: "must be an absolute path; or none" },
      { field: "command[1]", detail: "must be a text" },
    ]);
    expect(problemsOf(told, cronFields, guesses)).toEqual({
      fields: {
        schedule: "'61 * * * *': bad minute.",
        name: "Must be at least 1 long.",
        output: "Must be an absolute path; or none.",
        command: "Command[1]: must be a text.",
      },
      rest: "",
    });
    expect(problemsOf("output: must be absolute; labels: is missing", cronFields)).toEqual({
      fields: { output: "Must be absolute." },
      rest: "Labels: is missing.",
    });
    const zone = new AskError(400, "…", [{ field: "body", detail: "'Mars': is no time zone, such as Europe/Berlin" }]);
    expect(problemsOf(zone, cronFields, guesses).fields).toHaveProperty("timezone");
    expect(problemsOf("there is a crontab entry 'x' already", cronFields, guesses).fields).toHaveProperty("name");
    expect(problemsOf("user 'bob': jobs run as ann; others must be named", cronFields, guesses).fields).toHaveProperty(
      "user",
    );
  });

  it("is said below when it is about no field", () => {
    expect(problemsOf("The store of jobs does not answer.", cronFields)).toEqual({
      fields: {},
      rest: "The store of jobs does not answer.",
    });
    expect(problemsOf("0: must not hold control characters", cronFields).rest).toBe(
      "0: must not hold control characters.",
    );
  });
});

describe("a workflow", () => {
  const stage = (name: string, next: string[] = [], more = {}) => ({
    ...{ name, next, command: [], queue: "", join: "all_ok", final: false, optional: false, rules: 0 },
    ...more,
  });

  it("stands in columns by what leads where; a way back is none", () => {
    const stages = [
      stage("checkout", ["build", "docs"]),
      stage("docs", ["package"]),
      stage("build", ["test"]),
      stage("test", ["package", "build"]),
      stage("package"),
      stage("report", [], { final: true }),
    ];
    expect(columnsOf(stages)).toEqual([["checkout"], ["docs", "build"], ["test"], ["package"], ["report"]]);
    expect(columnsOf([])).toEqual([]);
    expect(roleOf(stage("package"), leadsTo(stages).get("package") ?? 0)).toContain(
      "all that lead here have succeeded",
    );
    expect(roleOf(stage("docs", [], { optional: true }), 1)).toContain("Optional");
  });

  it("shows stages that were not begun, unless its file is another one now", () => {
    const answer = {
      run: { status: "failed", sha256: "a" },
      stages: [{ name: "build", status: "failed", visits: 2, job_id: 4 }],
    } as unknown as Parameters<typeof stagesOf>[0];
    const workflow = {
      name: "w",
      file: "",
      sha256: "a",
      params: [],
      stages: [stage("checkout", ["build"]), stage("build")],
    };
    const shown = (views: ReturnType<typeof stagesOf>) =>
      views.map((view) => `${view.name} ${view.status} ${view.visits}`);
    expect(shown(stagesOf(answer, workflow))).toEqual(["checkout skipped 0", "build failed 2"]);
    expect(shown(stagesOf(answer, { ...workflow, sha256: "b" }))).toEqual(["build failed 2"]);
    const going = { ...answer, run: { ...answer.run, status: "running" } };
    expect(shown(stagesOf(going, workflow))).toEqual(["checkout waiting 0", "build failed 2"]);
  });
});

describe("what needs attention", () => {
  const master = { troubles: ["the scheduler does not answer: timeout"] } as Masters;
  const attention = {
    ...{ unclear: [], refused: [], messages: {}, orphans: 2 },
    lost: [{ job_id: 7, name: "x", status: "lost", reason: "gone", tries: 3, finished_at: 1, put_aside: null }],
    put_aside: [
      {
        job_id: 8,
        name: "y",
        status: "running",
        reason: null,
        tries: 1,
        finished_at: null,
        put_aside: "done is a folder",
      },
    ],
    unsent: [{ kind: "email", recipient: "a@b", subject: "s", state: "failed", error: "no" }],
  } as Attention;

  it("is told in groups that have anything in them", () => {
    expect(groupsOf(master, attention).map((group) => [group.title, group.lines.length])).toEqual([
      ["Troubles of the master", 1],
      ["Lost jobs", 1],
      ["Put aside", 1],
      ["Messages that were not sent", 1],
      ["Cancelled orphans", 1],
    ]);
    expect(needsAttention(master, attention)).toBe(5);
    expect(needsAttention(master, undefined)).toBe(1);
    expect(groupsOf(master, attention)[1]?.lines[0]).toEqual({ key: "7", job: 7, text: "x, gone, 3 tries" });
    expect(groupsOf(master, attention)[2]?.lines[0]?.text).toBe("y, running, done is a folder");
  });
});

describe("asking the daemon", () => {
  afterEach(() => vi.unstubAllGlobals());
  const answering = (...answer: ConstructorParameters<typeof Response>) => {
    const sent = vi.fn(async (_url: string, _options: RequestInit) => new Response(...answer));
    vi.stubGlobal("fetch", sent);
    return sent;
  };

  it("shows that a request comes from these pages, and who asks", async () => {
    const kept = new Map([["jobmon.token", "jm_x"]]);
    vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null });
    const sent = answering("{}");
    await ask("api/batch/jobs", "POST", { a: 1 });
    expect(sent.mock.calls[0]?.[1]).toMatchObject({
      method: "POST",
      body: '{"a":1}',
      headers: { "X-Requested-With": "jobmon", Authorization: "Bearer jm_x", "Content-Type": "application/json" },
    });
    await ask("api/batch/jobs");
    expect(sent.mock.calls[1]?.[1].headers).toEqual({ Authorization: "Bearer jm_x" });
    expect(authorization("")).toEqual({});
  });

  it("tells what the daemon says is wrong", async () => {
    answering('{"detail":"This job belongs to somebody else."}', { status: 403 });
    const error = await ask("x").catch((problem) => problem);
    expect(error).toEqual(new AskError(403, "This job belongs to somebody else."));
    expect(isAbsent(error)).toBe(false);
  });

  it("takes a page in place of an answer for nobody being there", async () => {
    answering("<!doctype html>");
    expect(isAbsent(await ask("x").catch((problem) => problem))).toBe(true);
  });
});

describe("an address", () => {
  it("names a job by its number only", () => {
    expect(["7", "0", "-1", "x", "1e3", "99999999999", undefined].map(numberOf)).toEqual([
      7,
      ...Array(6).fill(undefined),
    ]);
  });
});
