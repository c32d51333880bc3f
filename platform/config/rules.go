package config

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
)

// rules is a validate tag: what holds for the value, and after "dive" for each item of a list.
type rules struct {
	tag         string
	whole, item []rule
}

type rule struct{ name, param string }

func parseRules(tag string) rules {
	r := rules{tag: tag}
	current := &r.whole
	for part := range strings.SplitSeq(tag, ",") {
		name, param, _ := strings.Cut(part, "=")
		switch name {
		case "":
		case "dive":
			current = &r.item
		default:
			*current = append(*current, rule{name, param})
		}
	}
	return r
}

func (r rules) has(name string) bool {
	return slices.ContainsFunc(r.whole, func(rule rule) bool { return rule.name == name })
}

var validate = newValidator()

func newValidator() *validator.Validate {
	v := validator.New()
	must(v.RegisterValidation("hostport", func(f validator.FieldLevel) bool { return isHostPort(f.Field().String()) }))
	return v
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// isHostPort tells whether the text can be listened on: "host:port", ":port", "[::1]:port"; port 0 means any free one.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, " /@?#") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}

// holds tells whether the value keeps the setting's rules.
func (s *setting) holds() bool {
	return s.rules.tag == "" || validate.Var(s.value.Interface(), s.rules.tag) == nil
}

const orEmpty = ", or empty"

// wants describes a right value: "a whole number from 1 to 480". It panics on a rule it has no words for.
func (s *setting) wants() string {
	words := s.wantsFilled()
	if s.rules.has("omitempty") {
		words += orEmpty
	}
	return words
}

func (s *setting) wantsFilled() string {
	t := s.value.Type()
	if s.isItems() {
		return "a list of mappings" + s.limits(s.rules.whole, " items")
	}
	if !s.isList() {
		return s.describe(t, s.rules.whole)
	}
	return "a list" + s.limits(s.rules.whole, " items") + ", each " + s.describe(t.Elem(), s.rules.item)
}

func (s *setting) describe(t reflect.Type, rules []rule) string {
	words, _ := typeWords(t)
	for _, rule := range rules {
		switch rule.name {
		case "oneof":
			choices := strings.Fields(rule.param)
			last := len(choices) - 1
			words = strings.Join(choices[:last], ", ") + " or " + choices[last]
		case "hostport":
			words = "host:port, such as 127.0.0.1:8000"
		case "http_url":
			words = "an http or https URL"
		case "email":
			words = "an e-mail address"
		case "base64":
			words = "base64"
		}
	}
	unit := ""
	if t.Kind() == reflect.String {
		unit = " characters"
	}
	return words + s.limits(rules, unit)
}

// limits puts min and max into words.
func (s *setting) limits(rules []rule, unit string) string {
	var low, high string
	for _, rule := range rules {
		switch rule.name {
		case "min":
			low = rule.param
		case "max":
			high = rule.param
		case "required":
			if low == "" {
				low = "1"
			}
		case "omitempty", "oneof", "hostport", "http_url", "email", "base64":
		default:
			panic(fmt.Sprintf("config: no words for the rule %q of %s", rule.name, s.path))
		}
	}
	if unit == " characters" || unit == " items" {
		switch {
		case low == "" && high == "":
			return ""
		case high == "" && low == "1":
			return ", not empty"
		case low == "":
			return ", at most " + high + unit
		case high == "":
			return " of at least " + low + unit
		}
		return " of " + low + " to " + high + unit
	}
	switch {
	case low == "" && high == "":
		return ""
	case low == "":
		return " of at most " + high
	case high == "":
		return " of at least " + low
	}
	return " from " + low + " to " + high
}

// typeWords names the type; ok is false for one that no setting can be.
func typeWords(t reflect.Type) (words string, ok bool) {
	switch {
	case t == prefixType:
		return "an address or network, such as 10.0.0.0/8", true
	case t == durationType:
		return "a duration, such as 30s or 5m,", true
	case isText(t):
		return "a valid " + strings.ToLower(t.Name()), true
	case t.Kind() == reflect.Int:
		return "a whole number", true
	case t.Kind() == reflect.Bool:
		return "true or false", true
	case t.Kind() == reflect.String:
		return "text", true
	}
	return "", false
}
