package web

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// What Python's json.loads(bytes) says of each body; no text where it takes the body.
var pythonJSONCases = []struct {
	body string
	msg  string
	pos  int
}{
	{"", "Expecting value", 0},
	{" ", "Expecting value", 1},
	{"{", "Expecting property name enclosed in double quotes", 1},
	{"[", "Expecting value", 1},
	{"{}x", "Extra data", 2},
	{"{} {}", "Extra data", 3},
	{"[1]]", "Extra data", 3},
	{"1 2", "Extra data", 2},
	{"01", "Extra data", 1},
	{"1.", "Extra data", 1},
	{"-", "Expecting value", 0},
	{"-x", "Expecting value", 0},
	{".5", "Expecting value", 0},
	{"+1", "Expecting value", 0},
	{"1e", "Extra data", 1},
	{"[1e+]", "Expecting ',' delimiter", 2},
	{"nul", "Expecting value", 0},
	{"tru", "Expecting value", 0},
	{"[fals]", "Expecting value", 1},
	{"nan", "Expecting value", 0},
	{"{\"a\"", "Expecting ':' delimiter", 4},
	{"{\"a\":", "Expecting value", 5},
	{"{\"a\":}", "Expecting value", 5},
	{"{\"a\" 1}", "Expecting ':' delimiter", 5},
	{"{\"a\":1", "Expecting ',' delimiter", 6},
	{"{\"a\":1,", "Expecting property name enclosed in double quotes", 7},
	{"{\"a\":1,}", "Expecting property name enclosed in double quotes", 7},
	{"{\"a\":1 \"b\":2}", "Expecting ',' delimiter", 7},
	{"{a:1}", "Expecting property name enclosed in double quotes", 1},
	{"{'a':1}", "Expecting property name enclosed in double quotes", 1},
	{"{,}", "Expecting property name enclosed in double quotes", 1},
	{"{\"a\":1]", "Expecting ',' delimiter", 6},
	{"[1,", "Expecting value", 3},
	{"[1,]", "Expecting value", 3},
	{"[,1]", "Expecting value", 1},
	{"[1 2]", "Expecting ',' delimiter", 3},
	{"[}", "Expecting value", 1},
	{"[\"a", "Unterminated string starting at", 1},
	{"\"", "Unterminated string starting at", 0},
	{"\"abc", "Unterminated string starting at", 0},
	{"\"\\", "Unterminated string starting at", 0},
	{"\"\\\"", "Unterminated string starting at", 0},
	{"\"a\\\"", "Unterminated string starting at", 0},
	{"\"a\\\\", "Unterminated string starting at", 0},
	{"[\"\\x\"]", `Invalid \escape`, 2},
	{"\"\\u12\"", `Invalid \uXXXX escape`, 2},
	{"\"\\u12", `Invalid \uXXXX escape`, 2},
	{"\"\\u12g4\"", `Invalid \uXXXX escape`, 2},
	{"\"\\u1234", `Invalid \uXXXX escape`, 2},
	{"\"\\ud83d\\u12\"", `Invalid \uXXXX escape`, 8},
	{"\"\\ud83d\\uzzzz\"", `Invalid \uXXXX escape`, 8},
	{"\"\\ud83d\\", "Unterminated string starting at", 0},
	{"\"a\nb\"", "Invalid control character at", 2},
	{"\"a\tb\"", "Invalid control character at", 2},
	{"\"\u0000\"", "Invalid control character at", 1},
	{"\u0000", "Expecting value", 0},
	{"{\"é\":\"😀\"x}", "Expecting ',' delimiter", 8},
	{"[\"é😀\",\n\té]", "Expecting value", 8},
	{"{\"email\":\"ü\",}", "Expecting property name enclosed in double quotes", 13},
	{" \r\n\t{\"a\":1}\r\n;", "Extra data", 13},
	{"<x/>", "Expecting value", 0},
	{"\f1", "Expecting value", 0},
	{"\u00a01", "Expecting value", 0},
	{"{\"a\":{\"b\":[{\"c\":1},2}}", "Expecting ',' delimiter", 20},
	{"[[[[[", "Expecting value", 5},
	{"[[1],[2]", "Expecting ',' delimiter", 8},
	{"{\"a\":\"b\"\"c\":1}", "Expecting ',' delimiter", 8},
	{"// x", "Expecting value", 0},
	{"{\"a\":1}//x", "Extra data", 7},
	{"-Infinit", "Expecting value", 0},
	{"email=a&b=c", "Expecting value", 0},
	{"{\"a\":-}", "Expecting value", 5},
	{"[1.5.2]", "Expecting ',' delimiter", 4},
	{"[0x10]", "Expecting ',' delimiter", 2},
	{"{\"a\":1}\u0000", "Extra data", 7},
	{"null", "", 0},
	{"1", "", 0},
	{"-0", "", 0},
	{"-0.5e-7", "", 0},
	{"\"\\ud800\"", "", 0},
	{"[NaN,Infinity,-Infinity]", "", 0},
	{"{\"a\":1,\"a\":2}", "", 0},
	{" {\"a\":[1,{\"b\":null}],\"c\":\"\\u00e9\"} ", "", 0},
	{"[]", "", 0},
	{"{}", "", 0},
	{"[[],{}]", "", 0},
	{"\ufeff{\"a\":1}", "", 0},
	{"\ufeff[é]", "Expecting value", 1},
}

func TestPythonJSONError(t *testing.T) {
	for _, c := range pythonJSONCases {
		msg, pos, ok := pythonJSONError([]byte(c.body))
		require.Equal(t, c.msg, msg, "%q", c.body)
		require.Equal(t, c.pos, pos, "%q", c.body)
		require.Equal(t, c.msg != "", ok, "%q", c.body)
	}
}

func TestPythonJSONErrorOfOtherBytes(t *testing.T) {
	_, _, ok := pythonJSONError([]byte("{\"a\":\"\xff\xc0\"}"))
	require.False(t, ok, "bytes that are no UTF-8 are for another check to refuse")

	msg, pos, ok := pythonJSONError([]byte("[\"\xff\xff\","))
	require.True(t, ok)
	require.Equal(t, "Expecting value", msg)
	require.Equal(t, 6, pos, "each byte that is no UTF-8 counts as a character")
}

func TestPythonJSONErrorOfDeepBodies(t *testing.T) {
	const depth = 1 << 20
	msg, pos, ok := pythonJSONError([]byte(strings.Repeat("[", depth)))
	require.True(t, ok)
	require.Equal(t, "Expecting value", msg)
	require.Equal(t, depth, pos)

	_, _, ok = pythonJSONError([]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth)))
	require.False(t, ok)
}

func FuzzPythonJSONError(f *testing.F) {
	for _, c := range pythonJSONCases {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		msg, pos, ok := pythonJSONError(body)
		if ok != (msg != "") || pos < 0 || pos > utf8.RuneCount(body) {
			t.Fatalf("%q: %q at %d, %v", body, msg, pos, ok)
		}
		if ok && json.Valid(body) {
			t.Fatalf("%q is good JSON and was refused: %q at %d", body, msg, pos)
		}
	})
}
