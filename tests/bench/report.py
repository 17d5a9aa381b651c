"""The table and the picture of a run of the benchmark."""

import datetime
import os
import pathlib
import platform
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Goals:
    """Rows of: what, figure, floor or peer, ratio, goal, met."""

    def __init__(self):
        self.rows = []

    def add(self, what, figure, beside, ratio, goal, met):
        self.rows.append((what, figure, beside, ratio, goal, "met" if met else "**not met**"))

    def at_most(self, what, value, limit, unit, digits=None):
        shown = f"{value:.{digits}f}" if digits is not None else number(value)
        self.add(what, f"{shown} {unit}".strip(), "", "", f"at most {number(limit) if limit >= 1000 else limit:}".strip() + f" {unit}".rstrip(),
                 value <= limit)


def goals_of(results):
    goals = Goals()
    job = results.get("job")
    if job:
        ours, floor = job["offpeakd"], job["floor"]
        ratio = ours["wall"] / floor["wall"]
        goals.add("the job, dropped file to results files", f"{ours['wall']:.2f} s", f"raw bytes {floor['wall']:.2f} s", f"{ratio:.2f}",
                  "at most 3", ratio <= 3)
        for label, least in (("Node SDK, results to a file", 12), ("Node SDK with SQLite, durable", 20)):
            peer = results.get("peers", {}).get(label)
            if peer:
                ratio = peer["wall"] / ours["wall"]
                goals.add(f"... than the {label}", f"{ours['wall']:.2f} s", f"{peer['wall']:.1f} s", f"{ratio:.1f} times faster",
                          f"at least {least}", ratio >= least)
        goals.at_most("peak memory, 100,000 requests", ours["peak"], 32, "MiB", 1)
        tls = job["offpeakd over TLS"]
        ratio = tls["wall"] / ours["wall"]
        goals.add("over TLS instead of plain", f"{tls['wall']:.2f} s", f"plain {ours['wall']:.2f} s", f"{ratio:.2f}", "at most 1.5", ratio <= 1.5)
        upload = results["tls_upload"]
        ratio = upload["ours"] / upload["floor"]
        goals.add("upload over TLS", f"{upload['ours']:.0f} MB/s", f"bare OpenSSL loop {upload['floor']:.0f} MB/s", f"{ratio:.0%}",
                  "at least 85%", ratio >= 0.85)
        intake = results["intake"]
        goals.add("taking in a job file", f"{intake['lines']:,.0f} lines/s, {intake['mb']:.0f} MB/s", "", "",
                  "at least 100,000 and 250", intake["lines"] >= 100_000 and intake["mb"] >= 250)
        goals.add("recording results", f"{results['record']:,.0f} lines/s", "", "", "at least 200,000", results["record"] >= 200_000)
    calls = results.get("syscalls")
    if calls:
        goals.at_most("fdatasync and fsync calls for the job", calls["sync"], 100, "")
        goals.at_most("pwrite calls for the job", calls["pwrite"], 20_000, "")
    million = results.get("million")
    if million:
        ratio = million["offpeakd"]["wall"] / million["floor"]["wall"]
        goals.add("a job of a million requests", f"{million['offpeakd']['wall']:.1f} s", f"raw bytes {million['floor']['wall']:.1f} s",
                  f"{ratio:.2f}", "at most 3", ratio <= 3)
        goals.at_most("peak memory, 1,000,000 requests", million["offpeakd"]["peak"], 48, "MiB", 1)
    add_status(goals, results)
    add_idle(goals, results)
    add_queue(goals, results)
    return goals.rows


def add_status(goals, results):
    status, nginx = results.get("status"), results.get("nginx")
    if status and nginx:
        ratio = status["p50_us"] / nginx["p50_us"]
        goals.add("`/v1/status`, kept alive, p50", f"{status['p50_us']:.0f} us", f"nginx `return 200` {nginx['p50_us']:.0f} us", f"{ratio:.1f}",
                  "at most 3", ratio <= 3)
        goals.at_most("`/v1/status`, p99, idle", status["p99_us"] / 1000, 0.3, "ms", 2)
    busy = results.get("status_busy")
    if busy:
        goals.at_most(f"`/v1/status`, p99, while {busy['gigabytes']:.1f} GB are taken in", busy["p99_us"] / 1000, 5, "ms", 2)


def add_idle(goals, results):
    idle = results.get("idle")
    if idle:
        goals.add("idle memory (private)", f"{idle['rss']:.1f} ({idle['private']:.1f}) MiB", "", "", "at most 12 (4) MiB",
                  idle["rss"] <= 12 and idle["private"] <= 4)
        goals.add("idle, 20 s", f"{idle['ticks']} ticks, {idle['woken']} wake-ups", "", "", "no tick", idle["ticks"] == 0)
    polls = results.get("polls")
    if polls:
        goals.add(f"calls a poll, {polls['batches']} batches in flight", f"{polls['alone']:.2f}", "", "", "1", polls["alone"] <= 1.1)
        goals.add(f"... with {polls['watchers']} watchers", f"{polls['watched']:.2f}", f"{polls['alone']:.2f} without", "", "0 more",
                  polls["watched"] <= polls["alone"] + 0.1)


def add_queue(goals, results):
    queue = results.get("queue")
    if not queue:
        return
    ratio = queue["last"] / queue["first"]
    goals.add("intake of ten million, the tenth million", f"{queue['last']:.2f} s", f"the first {queue['first']:.2f} s", f"{ratio:.2f}",
              "at most 1.2", ratio <= 1.2)
    goals.at_most("ten million queued: database a request", queue["database"], 100, "bytes", 1)
    ratio = queue["claim_s"] / queue["small_claim_s"]
    goals.add("... the next batch claimed", f"{queue['claim_s'] * 1000:.0f} ms", f"100,000 queued {queue['small_claim_s'] * 1000:.0f} ms",
              f"{ratio:.2f}", "at most 1.3", ratio <= 1.3)
    goals.at_most("... restart (after kill -9) to ready", queue["restart_s"], 1, "s", 2)
    goals.at_most("... memory, restarted and a batch claimed", queue["peak"], 64, "MiB", 1)
    goals.at_most("... peak memory of taking them in", queue["intake_peak"], 48, "MiB", 1)


def table(head, rows):
    text = "| " + " | ".join(head) + " |\n|" + "---|" * len(head) + "\n"
    return text + "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows)


def commit():
    done = subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude", "*"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def system():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return platform.system()


def bars(results):
    """(label, wall, cpu, peak, spread, runs) of everybody who did the same job."""
    job = results.get("job", {})
    names = {"floor": "raw bytes (curl)", "offpeakd": "offpeakd", "floor over TLS": "raw bytes over TLS",
             "offpeakd over TLS": "offpeakd over TLS"}
    rows = [(names[key], job[key]) for key in names if key in job]
    return rows + list(results.get("peers", {}).items())


def markdown(results):
    now = datetime.datetime.now(datetime.timezone.utc)
    text = (f"# Last run of the benchmark\n\n{now:%Y-%m-%d %H:%M} UTC, commit {commit()}, {os.cpu_count()} cores ({processor()}), {system()}, "
            f"load average from part to part {', '.join(results['load'])}; {results['took'] / 60:.0f} minutes. Made by `./dev bench`.\n\n")
    rows = [(label, f"{row['wall']:.2f}", row["spread"], f"{row['cpu']:.2f}", f"{row['peak']:.0f}", row["runs"]) for label, row in bars(results)]
    if rows:
        text += (f"The same job for everybody: 100,000 requests, {results['job_bytes'] / 1e6:.0f} MB in, 170 MB of answers out, against a fake provider "
                 "on loopback that shares the machine.\n\n")
        text += table(("who", "wall s, median", "lowest-highest", "CPU s", "peak MiB", "runs"), rows) + "\n"
    goals = goals_of(results)
    if goals:
        text += table(("goal", "figure", "beside it", "ratio", "wanted", ""), goals)
    for part, reason in results["skipped"].items():
        text += f"\nNot measured: {part} ({reason}).\n"
    return text


STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; } .quiet { fill: #57606a; } .title { font-weight: 600; font-size: 14px; }
  .ours { fill: #1a7f64; } .others { fill: #8c959f; } .axis { stroke: #8c959f; stroke-width: 1; } .grid { stroke: #8c959f; stroke-opacity: .3; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .quiet { fill: #9da7b1; } .ours { fill: #3fb68b; } .others { fill: #6e7681; } }
"""


def panel(rows, key, title, unit, left, width, top):
    """One set of bars on a logarithmic scale: what is compared lies three orders apart."""
    import math
    values = [max(row[key], 1e-3) for _, row in rows]
    low = 10 ** math.floor(math.log10(min(values) * 0.7))
    high = 10 ** math.ceil(math.log10(max(values) * 1.05))
    def x(value):
        return left + width * math.log10(value / low) / math.log10(high / low)
    step = 30
    bottom = top + 34 + step * len(rows)
    parts = [f'<text class="title" x="{left}" y="{top}">{title}</text>']
    tick = low
    while tick <= high * 1.001:
        label = f"{tick:g}"
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" y1="{top + 14}" x2="{x(tick):.1f}" y2="{bottom - 12}"/>'
                     f'<text class="quiet" x="{x(tick):.1f}" y="{bottom + 4}" text-anchor="middle">{label}</text>')
        tick *= 10
    for place, ((label, row), value) in enumerate(zip(rows, values)):
        y = top + 20 + place * step
        kind = "ours" if label.startswith("offpeakd") else "others"
        shown = f"{row[key]:.2f}" if row[key] < 10 else f"{row[key]:,.0f}"
        parts.append(f'<rect class="{kind}" x="{left}" y="{y}" width="{max(x(value) - left, 2):.1f}" height="20" rx="2"/>'
                     f'<text x="{x(value) + 6:.1f}" y="{y + 15}">{shown} {unit}</text>')
    parts.append(f'<line class="axis" x1="{left}" y1="{top + 14}" x2="{left}" y2="{bottom - 12}"/>')
    parts.append(f'<text class="quiet" x="{left + width / 2}" y="{bottom + 24}" text-anchor="middle">{unit}, logarithmic</text>')
    return parts, bottom + 34


def picture(results):
    rows = bars(results)
    left, width, gap = 215, 250, 110
    first, bottom = panel(rows, "wall", "100,000 requests, file to results: time", "s", left, width, 28)
    second, _ = panel(rows, "peak", "peak memory", "MiB", left + width + gap, width, 28)
    labels = [f'<text x="{left - 10}" y="{28 + 20 + place * 30 + 15}" text-anchor="end">{label}</text>' for place, (label, _) in enumerate(rows)]
    total = left + 2 * width + gap + 90
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {bottom:.0f}" width="{total}" height="{bottom:.0f}" role="img" '
            f'aria-label="Time and memory of offpeakd beside raw bytes and the official SDK"><style>{STYLE}</style>\n'
            + "\n".join(labels + first + second) + "\n</svg>\n")


def write(results, text):
    (HERE / "last_run.md").write_text(text)
    if results.get("job"):
        (HERE / "last_run.svg").write_text(picture(results))
