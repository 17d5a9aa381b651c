"""The table and the picture of a run of the benchmark."""

import datetime
import math
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PLAIN = "Node SDK, results to a file"
DURABLE = "Node SDK with SQLite, durable"


class Goals:
    """Rows of: what, figure, floor or peer beside it, ratio, what is wanted, whether it is met."""

    def __init__(self):
        self.rows = []

    def add(self, what, figure, wanted, met, beside="", ratio=""):
        self.rows.append((what, figure, beside, ratio, wanted, "met" if met else "**not met**"))

    def at_most(self, what, value, limit, unit="", digits=0, beside=""):
        self.add(what, f"{value:,.{digits}f} {unit}".strip(), f"at most {limit:,} {unit}".strip(), value <= limit, beside)

    def ratio(self, what, ours, other, limit, beside, show):
        """At most `limit` times what stands beside it."""
        self.add(what, show(ours), f"at most {limit}", ours / other <= limit, f"{beside} {show(other)}", f"{ours / other:.2f}")

    def faster(self, what, ours, other, least, show):
        self.add(what, show(ours), f"at least {least} times", other / ours >= least, show(other), f"{other / ours:.1f}")


def seconds(value):
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def millis(value):
    return f"{value * 1000:.0f} ms"


def micros(value):
    return f"{value:.0f} us"


def goals_of(results):
    goals = Goals()
    if "job" in results:
        add_job(goals, results)
    if "syscalls" in results:
        goals.at_most("fdatasync and fsync calls for the job", results["syscalls"]["sync"], 100)
        goals.at_most("pwrite calls for the job", results["syscalls"]["pwrite"], 20_000)
    if "million" in results:
        ours, floor = results["million"]["offpeakd"], results["million"]["floor"]
        goals.ratio("a job of a million requests", ours["wall"], floor["wall"], 3, "raw bytes", seconds)
        goals.at_most("peak memory, 1,000,000 requests", ours["peak"], 48, "MiB", 1)
    add_status(goals, results)
    add_idle(goals, results)
    add_scale(goals, results)
    if "queue" in results:
        add_queue(goals, results["queue"])
    return goals.rows


def add_job(goals, results):
    job = results["job"]
    ours, tls, peers = job["offpeakd"], job["offpeakd over TLS"], results.get("peers", {})
    goals.ratio("the job, dropped file to results files", ours["wall"], job["floor"]["wall"], 3, "raw bytes", seconds)
    for label, least in ((PLAIN, 12), (DURABLE, 20)):
        if label in peers:
            goals.faster(f"... faster than the {label}", results["beside_peers"]["wall"], peers[label]["wall"], least, seconds)
    goals.at_most("peak memory, 100,000 requests", ours["peak"], 32, "MiB", 1)
    goals.ratio("over TLS instead of plain", tls["wall"], ours["wall"], 1.5, "plain", seconds)
    upload = results["tls_upload"]
    share = upload["ours"] / upload["floor"]
    goals.add("upload over TLS", f"{upload['ours']:.0f} MB/s", "at least 85%", share >= 0.85,
              f"bare OpenSSL loop {upload['floor']:.0f} MB/s", f"{share:.0%}")
    intake = results["intake"]
    goals.add("taking in a job file", f"{intake['lines']:,.0f} lines/s, {intake['mb']:.0f} MB/s", "at least 100,000 and 250",
              intake["lines"] >= 100_000 and intake["mb"] >= 250)
    record = results["record"]
    goals.add("recording results that have arrived", f"{record:,.0f} lines/s", "at least 200,000", record >= 200_000)


def add_status(goals, results):
    if "status" in results:
        status = results["status"]
        goals.ratio("`/v1/status`, kept alive, p50", status["p50_us"], results["nginx"]["p50_us"], 3, "nginx `return 200`", micros)
        goals.add("`/v1/status`, p99, idle", f"{status['p99_us'] / 1000:.2f} ms", "at most 0.3 ms", status["p99_us"] <= 300,
                  f"nginx {results['nginx']['p99_us'] / 1000:.2f} ms")
    if "status_busy" in results:
        busy = results["status_busy"]
        what = f"`/v1/status`, p99, while {busy['gigabytes']:.1f} GB are taken in"
        goals.at_most(what, busy["p99_us"] / 1000, 5, "ms", 2, worst(busy))


# Of a third of a second.
def worst(asked):
    return f"in its worst third of a second {asked['worst_p99_us'] / 1000:.1f} ms"


def add_idle(goals, results):
    if "idle" in results:
        idle = results["idle"]
        goals.add("idle memory (private), the provider at an http URL", f"{idle['rss']:.1f} ({idle['private']:.1f}) MiB",
                  "at most 12 (4) MiB", idle["rss"] <= 12 and idle["private"] <= 4)
        goals.add("the same at an https URL: OpenSSL's text beside it", f"{idle['tls_rss']:.1f} ({idle['tls_private']:.1f}) MiB",
                  "(4) MiB", idle["tls_private"] <= 4)
        goals.add("idle, 20 s", f"{idle['ticks']} ticks, {idle['woken']} wake-ups", "no tick", idle["ticks"] == 0)
    if "polls" in results:
        polls = results["polls"]
        alone, watched = polls["alone"], polls["watched"]
        goals.add(f"calls a poll, {polls['batches']} batches in flight", f"{alone:.2f}", "1", alone <= 1.1)
        goals.add(f"... with {polls['watchers']} watchers", f"{watched:.2f}", "0 more", watched <= alone + 0.1)


def add_scale(goals, results):
    for one in results.get("scale", []):
        what = f"{one['requests']:,} short requests, dropped file to results files"
        limit = 32 if one["requests"] <= 100_000 else 48
        goals.add(what, f"{one['wall_s']:.2f} s, {one['peak']:.1f} MiB", f"at most {limit} MiB", one["peak"] <= limit)
    asked = [one for one in results.get("scale", []) if one["requests"] >= 1_000_000]
    if asked:
        slowest = max(asked, key=lambda one: one["p99_us"])
        nginx = results.get("scale_nginx")
        beside = f"; nginx beside a million {nginx['p99_us'] / 1000:.2f}, {nginx['worst_p99_us'] / 1000:.1f} ms" if nginx else ""
        goals.at_most("... `/v1/status` meanwhile, p99", slowest["p99_us"] / 1000, 5, "ms", 2, worst(slowest) + beside)
    if "many" in results:
        many = results["many"]
        goals.add(f"{many['jobs']:,} jobs of one request, dropped at once",
                  f"{many['wall_s']:.1f} s, {many['peak']:.1f} MiB, {many['batches']} batches", "at most 48 MiB", many["peak"] <= 48)
        goals.at_most("... `/v1/status` meanwhile, p99", many["p99_us"] / 1000, 5, "ms", 2, worst(many))


def add_queue(goals, queue):
    goals.ratio("intake of ten million, the tenth million", queue["last"], queue["first"], 1.2, "the first", seconds)
    goals.at_most("... peak memory of taking them in", queue["intake_peak"], 48, "MiB", 1)
    goals.at_most("ten million queued: database a request", queue["database"], 100, "bytes", 1)
    goals.ratio("... the next batch claimed", queue["claim_s"], queue["small_claim_s"], 1.3, "100,000 queued", millis)
    goals.at_most("... restart (after kill -9) to ready", queue["restart_s"], 1, "s", 2)
    goals.at_most("... memory, restarted and a batch claimed", queue["peak"], 64, "MiB", 1)


def table(head, rows):
    text = "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    return text + "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows)


def commit():
    """What was measured; the files that a run writes do not change it."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(HERE), *arguments], capture_output=True, text=True,
                              check=False).stdout.strip()
    head = git("rev-parse", "--short", "HEAD")
    if not head:
        return "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)tests/bench/last_run*")
    return head + ("-dirty" if changed else "")


def line_of(path, start, otherwise):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(start):
            return line.replace(":", "=").split("=", 1)[1].strip().strip('"')
    return otherwise


def bars(results):
    """(label, figures) of everybody who did the same job."""
    job = results.get("job", {})
    names = {"floor": "raw bytes (curl)", "offpeakd": "offpeakd", "floor over TLS": "raw bytes over TLS",
             "offpeakd over TLS": "offpeakd over TLS"}
    return [(names[key], job[key]) for key in names if key in job] + list(results.get("peers", {}).items())


def markdown(results):
    now = datetime.datetime.now(datetime.timezone.utc)
    machine = f"{os.cpu_count()} cores ({line_of('/proc/cpuinfo', 'model name', platform.machine())})"
    text = (f"# Last run of the benchmark\n\n{now:%Y-%m-%d %H:%M} UTC, commit {commit()}, {machine}, "
            f"{line_of('/etc/os-release', 'PRETTY_NAME=', platform.system())}. Load average from part to part: "
            f"{', '.join(results['load'])}. {results['took'] / 60:.0f} minutes, by `./dev bench`.\n\n")
    rows = [(label, f"{row['wall']:.2f}", row["spread"], f"{row['cpu']:.2f}", f"{row['peak']:.0f}", row["runs"])
            for label, row in bars(results)]
    if rows:
        text += (f"The same job for everybody: 100,000 requests, {results.get('job_bytes', 0) / 1e6:.0f} MB in, 170 MB of "
                 "answers out, against a fake provider on loopback that shares the machine.\n\n")
        text += table(("who", "wall s, median", "lowest-highest", "CPU s", "peak MiB", "runs"), rows) + "\n"
    goals = goals_of(results)
    if goals:
        text += table(("goal", "figure", "beside it", "ratio", "wanted", ""), goals)
    if "scale" in results:
        rows = [(f"{one['requests']:,}", f"{one['wall_s']:.2f}", f"{one['wall_s'] / one['requests'] * 1e6:.1f}",
                 f"{one['cpu_s'] / one['requests'] * 1e6:.1f}", f"{one['database'] / one['requests']:.0f}", f"{one['peak']:.1f}",
                 f"{one['p99_us'] / 1000:.2f}") for one in results["scale"]]
        text += "\nThe whole job of short requests, by its size:\n\n" + table(
            ("requests", "wall s", "us a request", "CPU us a request", "database bytes a request", "peak MiB",
             "status p99 ms"), rows)
    for part, reason in results["skipped"].items():
        text += f"\nNot measured: {part} ({reason}).\n"
    return text


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .quiet { fill: #57606a; } .title { font-weight: 600; font-size: 14px; }
  .ours { fill: #1a7f64; } .others { fill: #8c959f; }
  .axis { stroke: #8c959f; } .grid { stroke: #8c959f; stroke-opacity: .3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9da7b1; } .ours { fill: #3fb68b; } .others { fill: #6e7681; }
  }
"""
TOP, STEP = 28, 30


class Panel:
    """One set of bars on a logarithmic scale, since what is compared lies orders apart."""

    def __init__(self, values, title, unit, left, width):
        self.values, self.title, self.unit, self.left, self.width = values, title, unit, left, width
        self.low = 10 ** math.floor(math.log10(min(values) * 0.7))
        self.high = 10 ** math.ceil(math.log10(max(values) * 1.05))
        self.bottom = TOP + 34 + STEP * len(values)

    def x(self, value):
        return self.left + self.width * math.log10(value / self.low) / math.log10(self.high / self.low)

    def draw(self, ours):
        yield f'<text class="title" x="{self.left}" y="{TOP}">{self.title}</text>'
        tick = self.low
        while tick <= self.high * 1.001:
            yield f'<path class="grid" d="M{self.x(tick):.1f} {TOP + 14}V{self.bottom - 12}"/>'
            yield f'<text class="quiet" x="{self.x(tick):.1f}" y="{self.bottom + 4}" text-anchor="middle">{tick:g}</text>'
            tick *= 10
        for place, value in enumerate(self.values):
            y = TOP + 20 + place * STEP
            shown = f"{value:.2f}" if value < 10 else f"{value:,.0f}"
            width = max(self.x(value) - self.left, 2)
            kind = "ours" if place in ours else "others"
            yield f'<rect class="{kind}" x="{self.left}" y="{y}" width="{width:.1f}" height="20" rx="2"/>'
            yield f'<text x="{self.x(value) + 6:.1f}" y="{y + 15}">{shown} {self.unit}</text>'
        yield f'<path class="axis" d="M{self.left} {TOP + 14}V{self.bottom - 12}"/>'
        middle = self.left + self.width / 2
        yield (f'<text class="quiet" x="{middle}" y="{self.bottom + 24}" text-anchor="middle">'
               f"{self.unit}, logarithmic scale</text>")


def picture(results):
    rows = bars(results)
    left, width, gap = 215, 250, 110
    time = Panel([row["wall"] for _, row in rows], "100,000 requests, file to results: time", "s", left, width)
    memory = Panel([max(row["peak"], 1) for _, row in rows], "peak memory", "MiB", left + width + gap, width)
    ours = {place for place, (label, _) in enumerate(rows) if label.startswith("offpeakd")}
    labels = [f'<text x="{left - 10}" y="{TOP + 35 + place * STEP}" text-anchor="end">{label}</text>'
              for place, (label, _) in enumerate(rows)]
    across, down = left + 2 * width + gap + 90, time.bottom + 34
    return svg(across, down, "Time and memory of offpeakd beside raw bytes and the official SDK",
               [*labels, *time.draw(ours), *memory.draw(ours)])


def growth(results):
    """Time and database of a request, by the size of its job."""
    rows = results["scale"]
    left, width, gap = 130, 220, 150
    times = [one["wall_s"] / one["requests"] * 1e6 for one in rows]
    time = Panel(times, "time a request, by the size of the job", "us", left, width)
    space = Panel([one["database"] / one["requests"] for one in rows], "database a request", "bytes", left + width + gap, width)
    labels = [f'<text x="{left - 10}" y="{TOP + 35 + place * STEP}" text-anchor="end">{one["requests"]:,}</text>'
              for place, one in enumerate(rows)]
    everyone = set(range(len(rows)))
    across, down = left + 2 * width + gap + 110, time.bottom + 34
    return svg(across, down, "Time and database bytes a request, from ten thousand to ten million requests",
               [*labels, *time.draw(everyone), *space.draw(everyone)])


def svg(across, down, label, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" height="{down}" role="img" '
            f'aria-label="{label}"><style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n")


def write(results, text):
    (HERE / "last_run.md").write_text(text)
    if results.get("job"):
        (HERE / "last_run.svg").write_text(picture(results))
    if len(results.get("scale", [])) > 3:
        (HERE / "last_run_scale.svg").write_text(growth(results))
