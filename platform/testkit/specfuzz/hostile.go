package specfuzz

import "strings"

// hostileTexts have broken programs before.
var hostileTexts = []string{
	"", " ", "\t\r\n", "\x00", "a\x00b", "\x7f", "\x1b[31mred\x1b[0m", "null", "undefined", "true", "-1", "0", "1e309", "NaN",
	"' OR '1'='1' --", `"; DROP TABLE users; --`, "%", "_", "%%%_%", `\`, `\\%`, "*", "(", "[a-", "${jndi:ldap://x}", "{{7*7}}", "%s%n%d",
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "a&b=c", "?", "#", ";",
	"../../../../etc/passwd", `..\..\windows`, "..", ".", "/", "//", "%2e%2e%2f", "/dev/null", "file:///etc/passwd",
	"\u202Eevil\u202C", "\u200B", "\u200d\u200c", "\uFEFFbom", "\u2028\u2029", "\u0130\u0131\u017f\u212a", "e\u0301", "\uFFFD", "\uFFFE", "\U0010FFFF",
	"\u0645\u0631\u062d\u0628\u0627", "\u65e5\u672c\u8a9e", "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466", "\U0001F1E9\U0001F1EA",
	"a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307", "\r\nSet-Cookie: a=b", "\r\n\r\nHTTP/1.1 200 OK", "x@", "@x", "a@b", `"a b"@example.com`,
	"a@localhost", "a@[127.0.0.1]", "\u00fc@\u00fc.example.com", "00000000-0000-0000-0000-000000000000", "A0000000-0000-4000-8000-000000000000",
	"{a0000000-0000-4000-8000-000000000000}", "urn:uuid:a0000000-0000-4000-8000-000000000000", "2024-02-30", "0000-00-00", "9999-12-31", "2024-01-01T00:00:00Z",
	"__proto__", "constructor", "id", "-id", "id,name", "users.hashed_password", "hashed_password", "********", "********abcd",
	strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("b", 128), strings.Repeat("b", 129), strings.Repeat("c", 255), strings.Repeat("c", 256),
	strings.Repeat("d", 512), strings.Repeat("d", 513), strings.Repeat("\U0001F600", 128), strings.Repeat("\u00e9", 73), strings.Repeat("e", 20_001),
	strings.Repeat("%", 200), strings.Repeat("../", 60), strings.Repeat("a.", 130) + "com",
}

// hostileLiterals are values of JSON, and some that only look like it.
var hostileLiterals = []string{
	"null", "true", "false", "0", "-0", "-1", "1", "1.0", "3e1", "30.0", "1.5", "1e3", "1E400", "-1e400", "1e-400", "0.1e1",
	"9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "2147483648", "4294967296", strings.Repeat("9", 400),
	"NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000", "'a'", "undefined", "", `""`, `"1"`, `"true"`, "[]", "{}", "[[]]", "[null]", "[{}]", `{"":""}`,
	`"\ud800"`, `"\udfff\ud800"`, `"\u0000"`, `"\x41"`, `"\u12"`, "\"\n\"", "\"\t\"", "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", `"a`, "[1", "{", "/*c*/1", "1,",
}

// hostileHeaders are lines that a client may send.
var hostileHeaders = [][2]string{
	{"X-Request-ID", "a b\tc"}, {"X-Request-ID", strings.Repeat("x", 65)}, {"X-Request-ID", "ok.id_1-2"}, {"X-Request-ID", "<script>"}, {"X-Request-ID", "\xff\xfe"},
	{"X-User-Id", "00000000-0000-4000-8000-000000000000"}, {"x_user_is_admin", "true"}, {"X-User-Is-Admin", "true"}, {"X-User-Groups", "staff"},
	{"X-Forwarded-For", "127.0.0.1, ::1, unknown"}, {"X-Forwarded-Proto", "https"}, {"Forwarded", `for="[::1]";proto=https`},
	{"X-HTTP-Method-Override", "DELETE"}, {"X-Original-URL", "/api/admin/users"}, {"X-Rewrite-URL", "/api/admin/users"},
	{"Range", "bytes=0-0"}, {"Range", "bytes=-1"}, {"Range", "bytes=5-2"}, {"Range", "bytes=0-0,2-2,4-4"}, {"Range", "lines=1-2"}, {"Range", "bytes=9223372036854775807-"},
	{"If-Match", "*"}, {"If-Match", `"0-0000000000000000"`}, {"If-Match", `W/"1-0000000000000000"`}, {"If-Match", `"a", "b",,`}, {"If-Match", "\""},
	{"If-None-Match", "*"}, {"If-None-Match", `"x"`}, {"If-Range", `"x"`}, {"If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"}, {"If-Unmodified-Since", "garbage"},
	{"Expect", "100-continue"}, {"Accept", "application/xml"}, {"Accept", "*/*;q=0"}, {"Accept-Encoding", "gzip, br, zstd;q=1"}, {"Accept-Language", "xx\xff"},
	{"Content-Encoding", "gzip"}, {"Content-Language", "../.."}, {"Content-Disposition", "attachment; filename=\"../../x\""}, {"Cookie", "session=1; session=2"},
	{"Origin", "https://evil.example.com"}, {"Origin", "null"}, {"Access-Control-Request-Method", "DELETE"}, {"Referer", "javascript:alert(1)"},
	{"User-Agent", strings.Repeat("u", 2000)}, {"Upgrade", "h2c"}, {"Connection", "X-User-Id"}, {"TE", "trailers"}, {"Via", "1.1 x"}, {"X-Content-SHA256", "zz"}, {"Date", "never"},
	{"Authorization", "Basic YTpi"}, {"Proxy-Authorization", "Basic YTpi"}, {"Max-Forwards", "0"}, {"Early-Data", "1"}, {"Priority", "u=9"},
}

var hostileTypes = []string{
	"", "text/plain", "text/html", "application/xml", "application/json; charset=utf-8", "application/json; charset=latin1", "APPLICATION/JSON", "application/json;",
	"application/problem+json", "application/merge-patch+json", "application/x-www-form-urlencoded", "multipart/form-data", `multipart/form-data; boundary="x"`,
	"multipart/mixed; boundary=x", ";;;", "/", "application/json, text/plain", "application/\xff", "application/json; boundary=" + strings.Repeat("b", 300),
}

// hostileQueries are parts of a query that are odd as they are spelled.
var hostileQueries = []string{
	"", "&&&", "=", "a=b;c=d", "%zz=1", "limit=%", "limit[]=1", "limit=1&limit=2", "limit=1.0", "limit=0", "limit=1001", "limit=-1", "limit=99999999999999999999", "limit=+5",
	"offset=-1", "offset=9223372036854775807", "offset=1e3", "sort=", "sort=--id", "sort=id%00", "q=%00", "q=%ff%fe", "q=%25", "q=_", "q=%5C", "q=" + strings.Repeat("q", 201),
	"q=%F0%9F%98%80", "q=%E2%80%AE", "prefix=..%2f", "after=%00", "key=ai%27--", "LIMIT=1", "limit=%EF%BC%91", "a[b][c]=1", "?", "x=" + strings.Repeat("y", 4000),
}

// hostileSegments stand in a path as they are. None holds a slash, which would make it another path.
var hostileSegments = []string{
	"%00", "a%00b", "%ff%fe", "%C0%AE", "%zz", "%", "..", ".", "%2e%2e", "%2e", "..;", "%5c", "~", "%20", "%0d%0a", "%E2%80%AE", "%F0%9F%98%80", "*", "$", "'--", "%27%20OR%201=1",
	"A0000000-0000-4000-8000-000000000000", "a0000000-0000-4000-8000-000000000000", "%7Ba0000000-0000-4000-8000-000000000000%7D", "a0000000000040008000000000000000", "0", "-1", "null", "%u0041",
	"me", "new", "%3Cscript%3E", "a;b=c", "a,b", "a:b", "@", strings.Repeat("x", 300),
}
