package web

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// Tagged is a reply with an entity tag (RFC 9110, section 8.8.3). A GET whose If-None-Match holds the tag is answered
// with 304 and no body.
type Tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// Tag makes a reply of a body. version counts the changes that clients make; the tag also differs where the body differs
// for another reason, such as a new default.
func Tag[T any](version int64, body T) (*Tagged[T], error) {
	text, err := json.Marshal(body, wireJSON)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &Tagged[T]{fmt.Sprintf(`"%d-%x"`, version, sum[:8]), body}, nil
}

// IfMatch is embedded in the In of a route that changes what a [Tagged] reply shows: the change is only wanted while the
// version is one of those that the client names (RFC 9110, section 13.1.1).
type IfMatch struct {
	Tags Optional[string] `header:"If-Match" doc:"Entity tags; the change is made only while one of them is current, else 412"`
}

// Holds tells whether a change of the version is wanted. Weak tags and what is no tag of ours match nothing.
func (m IfMatch) Holds(version int64) bool {
	if !m.Tags.Set {
		return true
	}
	current := strconv.FormatInt(version, 10)
	return slices.ContainsFunc(tags(m.Tags.Value), func(tag string) bool {
		parts := tagForm.FindStringSubmatch(tag)
		return tag == "*" || parts != nil && parts[1] == current
	})
}

// tagForm is that of what [Tag] makes.
var tagForm = regexp.MustCompile(`^"([0-9]+)-[0-9a-f]{16}"$`)

// tags splits a list of entity tags. Ours hold no commas.
func tags(list string) []string {
	parts := strings.Split(list, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// unchanged tells whether the client has the representation with this tag already.
func unchanged(r *http.Request, tag string) bool {
	if tag == "" || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return slices.ContainsFunc(tags(strings.Join(r.Header.Values("If-None-Match"), ",")), func(other string) bool {
		return other == "*" || strings.TrimPrefix(other, "W/") == tag
	})
}
