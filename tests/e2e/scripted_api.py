"""A very small Message Batches provider whose every answer a test can script, in a thread of its own. It shares no code with
offpeak-sim, so that what both think right is right twice. It keeps no rules of the API but what a test needs; what it was
sent, and what it ran, is its ledger."""

import http.server
import itertools
import json
import threading
import time

RESULT = {"type": "succeeded", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1}}}


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


def refusal(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_x"}


def stranger(**members):
    """Another program's batch, as a list shows it; None takes a member away."""
    shown = {"id": "msgbatch_foreign", "type": "message_batch", "processing_status": "in_progress",
             "request_counts": {"processing": 3, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
             "ended_at": None, "created_at": "2026-11-01T00:00:00Z", "expires_at": "2026-11-02T00:00:00Z",
             "archived_at": None, "cancel_initiated_at": None, "results_url": None, **members}
    for name in [name for name, value in members.items() if value is ...]:
        del shown[name]
    return shown


class ScriptedApi:
    """What a test may set, at any time:

    list_answer, create_answer   (status, document, headers): instead of the call's own answer; create_answer may be a function
                                 of the create's headers that returns one or None
    extra                        more entries of every list, newest first
    lose_answers                 so many creates are done, and their answers are lost
    zero_counts                  request_counts are all zero, always
    end_after                    seconds from a batch's create to its end
    """

    def __init__(self):
        self.list_answer = self.create_answer = None
        self.extra = []
        self.lose_answers = 0
        self.zero_counts = False
        self.end_after = 0.3
        self.batches, self.posts, self.cancels = {}, [], []
        self.ids = itertools.count(1)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def billed(self):
        """How many batches ran each request, by its params."""
        ran = [json.dumps(one["params"], sort_keys=True) for batch in list(self.batches.values()) for one in batch["requests"]]
        return {params: ran.count(params) for params in ran}

    def show(self, batch):
        ended = time.time() > batch["made"] + self.end_after
        size = len(batch["requests"])
        counts = {"processing": 0 if ended else size, "succeeded": size if ended else 0, "errored": 0, "canceled": 0, "expired": 0}
        if self.zero_counts:
            counts = dict.fromkeys(counts, 0)
        return stranger(id=batch["id"], processing_status="ended" if ended else "in_progress", request_counts=counts,
                        ended_at=stamp(time.time()) if ended else None, created_at=stamp(batch["made"]),
                        expires_at=stamp(batch["made"] + 86400))

    def get(self, path):
        parts = path.split("?")[0].strip("/").split("/")
        if len(parts) == 3:
            if self.list_answer:
                return self.list_answer
            data = [*self.extra, *(self.show(batch) for batch in reversed(list(self.batches.values())))]
            return 200, {"data": data, "has_more": False, "first_id": data[0].get("id") if data else None,
                         "last_id": data[-1].get("id") if data else None}, {}
        batch = self.batches.get(parts[3])
        if batch is None:
            return 404, refusal("not_found_error", f"Message Batch {parts[3]} not found."), {}
        if len(parts) == 4:
            return 200, self.show(batch), {}
        lines = [json.dumps({"custom_id": one["custom_id"], "result": RESULT}) for one in batch["requests"]]
        return 200, "\n".join(lines) + "\n", {}

    def create(self, body, headers):
        requests = json.loads(body)["requests"]
        answer = self.create_answer(headers) if callable(self.create_answer) else self.create_answer
        self.posts.append({"requests": len(requests), "bytes": len(body), "status": answer[0] if answer else 200})
        if answer:
            return answer
        batch = {"id": f"msgbatch_{next(self.ids):020d}", "made": time.time(), "requests": requests}
        self.batches[batch["id"]] = batch
        if self.lose_answers > 0:
            self.lose_answers -= 1
            return None
        return 200, self.show(batch), {}

    def _handler(api):  # pylint: disable=no-self-argument
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def say(self, answer):
                if answer is None:
                    self.close_connection = True
                    return
                status, document, headers = answer
                data = (document if isinstance(document, str) else json.dumps(document)).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                self.say(api.get(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.path.endswith("/cancel"):
                    api.cancels.append(self.path.split("/")[-2])
                    return self.say((400, refusal("invalid_request_error", "has already ended"), {}))
                self.say(api.create(body, self.headers))
        return Handler
