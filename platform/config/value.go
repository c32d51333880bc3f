package config

import (
	"encoding"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setText sets the value from text, a list from items separated by commas. It reports whether the text fits the type.
func (s *setting) setText(text string) bool {
	if !s.isList() {
		return parse(s.value, text)
	}
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return s.setList(items)
}

func (s *setting) setList(items []string) bool {
	list := reflect.MakeSlice(s.value.Type(), len(items), len(items))
	for i, item := range items {
		if !parse(list.Index(i), item) {
			return false
		}
	}
	s.value.Set(list)
	return true
}

// parse sets v from the text as it stands in the file or the variable, and reports whether it fits.
func parse(v reflect.Value, text string) bool {
	if v.Type() == prefixType {
		prefix, err := parsePrefix(text)
		v.Set(reflect.ValueOf(prefix))
		return err == nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text)) == nil
	}
	if v.Type() == durationType {
		d, err := time.ParseDuration(strings.TrimSpace(text))
		v.SetInt(int64(d))
		return err == nil
	}
	switch v.Kind() {
	case reflect.Int:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, strconv.IntSize)
		v.SetInt(n)
		return err == nil
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
		v.SetBool(b)
		return err == nil
	}
	v.SetString(text)
	return true
}

// parsePrefix takes a network, or an address as the network that holds it alone.
func parsePrefix(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}
