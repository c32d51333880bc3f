"""Disk watch, a feature service for Portico. It needs Python 3.8 or later and nothing else: python3 service.py"""
import hashlib, http.server, json, os, re, shutil, threading, urllib.request

FILE = os.environ.get("SETTINGS_FILE", "disk-watch.json")
WEBHOOK = os.environ.get("WEBHOOK_URL")  # where alerts go, and the token with them: said here, not in the settings
DEFAULTS = {"min_free_percent": 10, "webhook_token": None}
SCHEMA = {"type": "object", "additionalProperties": False, "properties": {
    "min_free_percent": {"title": "Least free space, in percent", "description": "With less the disk is nearly full.",
                         "type": "integer", "minimum": 0, "maximum": 100, "default": 10},
    "webhook_token": {"title": "Token for alerts", "description": "Sent along with every alert.", "writeOnly": True,
                      "type": ["string", "null"], "maxLength": 200, "pattern": "^[!-~]+$", "default": None}}}
MANIFEST = {"id": "disk-watch", "name": "Disk watch", "version": "1.0.0", "icon": "💾", "settings_schema": SCHEMA,
            "description": "Tells when the disk is nearly full.", "required_groups": []}
lock, changed = threading.Lock(), threading.Event()

def stored():  # what was ever set
    if not os.path.exists(FILE): return {}
    with open(FILE, encoding="utf-8") as file: return json.load(file)
def store(values):  # whole or not at all
    with open(FILE + ".new", "w", encoding="utf-8") as file: json.dump(values, file)
    os.replace(FILE + ".new", FILE)
def settings(): return {**DEFAULTS, **stored()}
def etag(values): return '"%s"' % hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
def merge(old, patch):  # RFC 7396
    if not isinstance(patch, dict): return patch
    old = old if isinstance(old, dict) else {}
    merged = {**old, **{key: merge(old.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if patch.get(key, "kept") is not None}
def problem(patch):  # the gateway has held the settings to the schema; whoever else calls is held to it here
    if not isinstance(patch, dict): return ["body"], "must be an object"
    free, token = (merge(settings(), patch).get(key, default) for key, default in DEFAULTS.items())
    if type(free) is not int or not 0 <= free <= 100: return ["body", "min_free_percent"], "must be 0 to 100"
    fits = token is None or type(token) is str and re.fullmatch("[!-~]{1,200}", token)
    if not fits: return ["body", "webhook_token"], "must be at most 200 characters of visible ASCII"
def nearly_full():
    disk = shutil.disk_usage(".")
    return disk.free * 100 < disk.total * settings()["min_free_percent"]
def watch():  # every ten minutes, and when the settings have changed
    while True:
        changed.clear()
        if WEBHOOK and nearly_full():
            alert = urllib.request.Request(WEBHOOK, b'{"text": "nearly full"}', {"Content-Type": "application/json"})
            alert.add_unredirected_header("Authorization", "Bearer %s" % (settings()["webhook_token"] or ""))
            try: urllib.request.urlopen(alert, timeout=10).close()
            except Exception as error: print("the alert was not taken:", type(error).__name__)
        changed.wait(600)

class Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10  # seconds that a caller may keep this waiting
    def reply(self, status, body):
        self.send_response(status)
        for header in {"Content-Type": "application/json", "ETag": etag(body)}.items(): self.send_header(*header)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())
    def admits(self): return self.headers.get("x-user-is-admin") == "true" or MANIFEST["required_groups"] != []
    def do_GET(self):
        if self.path == "/health": self.reply(200, {"status": "degraded" if nearly_full() else "ok"})
        elif self.path == "/plugin/manifest": self.reply(200, MANIFEST)
        elif self.path == "/plugin/settings" and self.admits(): self.reply(200, settings())
        else: self.reply(404, {"detail": "Not Found"})
    def do_PATCH(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1 << 20))
        if self.path != "/plugin/settings" or not self.admits(): return self.reply(404, {"detail": "Not Found"})
        try: patch = json.loads(body)
        except ValueError: patch = None
        with lock:
            if self.headers.get("If-Match", "*") not in ("*", etag(settings())):
                return self.reply(412, {"detail": "Precondition Failed"})
            wrong = problem(patch)
            if wrong: return self.reply(422, {"detail": [{"type": "value_error", "loc": wrong[0], "msg": wrong[1]}]})
            store(merge(stored(), patch))
        self.log_message("settings changed by %s, request %s", self.headers["x-user-id"], self.headers["x-request-id"])
        changed.set()
        self.do_GET()

os.umask(0o077)  # what is written here is for this account alone
threading.Thread(target=watch, daemon=True).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8101"))), Handler)
print(f"Disk watch listens on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
