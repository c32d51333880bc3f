package web_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/web"
)

type sealedBox struct {
	Size  int `json:"size" maximum:"9"`
	Inner struct {
		Code string `json:"code,omitzero" writeOnly:"true"`
	} `json:"inner,omitzero"`
}

func (b *sealedBox) Check(c *web.Check) {
	c.Closed()
	c.Closed("inner")
	c.Closed("inner", "code")
	c.Closed("nowhere", "at", "all")
}

// What the schema does not have is reported beside all else that is wrong, and a secret under a misspelt name stays one.
func TestClosedBodies(t *testing.T) {
	server := newSite(t, io.Discard, func(o *web.Options) {
		o.Routes = append(o.Routes, web.RouteSet{Module: "boxes", Routes: []web.Route{
			web.Post("/api/boxes", web.Public, func(context.Context, *struct{ Body sealedBox }) (*web.None, error) { return nil, nil }),
		}})
	})
	extra := func(loc, input string) string {
		return `{"type":"extra_forbidden","loc":["body",` + loc + `],"msg":"Extra inputs are not permitted","input":` + input + `}`
	}
	for body, want := range map[string]string{
		`{"size":1}`: "", `{"size":1,"inner":{"code":"x"}}`: "",
		`{"size":1,"inner":{"cdoe":"hunter22"}}`: extra(`"inner","cdoe"`, `"********"`),
		`{"size":1,"inner":{},"z":null,"a":{}}`:  extra(`"a"`, `"********"`) + `,` + extra(`"z"`, `null`),
		`{"size":10,"Size":1}`: extra(`"Size"`, `"********"`) + `,` +
			`{"type":"less_than_equal","loc":["body","size"],"msg":"Input should be less than or equal to 9","input":10,"ctx":{"le":9}}`,
		`{"size":1,"inner":7}`: `{"type":"model_attributes_type","loc":["body","inner"],"msg":"Input should be a valid dictionary or object to extract fields from","input":"********"}`,
	} {
		resp, got := do(t, server, call{method: "POST", path: "/api/boxes", contentType: "application/json", body: body})
		if want == "" {
			require.Equal(t, 204, resp.StatusCode, got)
			continue
		}
		require.Equal(t, 422, resp.StatusCode, "%s: %s", body, got)
		require.Equal(t, `{"detail":[`+want+`]}`, got, body)
	}
}
